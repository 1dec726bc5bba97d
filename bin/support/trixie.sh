#!/usr/bin/env bash
# Runs a command on Debian trixie, which has Ruby 3.3, on a machine that has something older:
#
#     bin/support/trixie.sh bundle exec rake compile
#
# Makes the folder with debootstrap (Debian and root only; 2 or 3 minutes, 700 MB) unless it is there: tmp/trixie, or WORKFLOW_TRIXIE.
# The command sees that folder as its whole disk, and a copy of the project in /project; network, processes, user and
# the variables named below are this machine's. What is mounted for it is gone when the command is, however it ends.
# With --as-is the copy of the project is that of the command before.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

folder=${WORKFLOW_TRIXIE:-$root/tmp/trixie}
packages=ruby,ruby-dev,bundler,build-essential,pkg-config,git,ca-certificates,libsqlite3-dev,libyaml-dev,zlib1g-dev,libxml2-dev,libxslt1-dev,procps,tzdata
passed_on=(RAILS SEED)

# Where this machine's own packages come from.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p
}

make_folder() {
    local from
    [ "$(id -u)" = 0 ] || die "Only root can make $folder and work in it."
    have apt-get || die "This is no Debian: debootstrap has no mirror to take trixie from."
    have debootstrap || install_packages debootstrap
    from=$(mirror)
    [ -n "$from" ] || { apt-get update -qq < /dev/null > /dev/null && from=$(mirror); }
    [ -n "$from" ] || die "None of this machine's package sources is Debian's: debootstrap has no mirror to take trixie from."
    say "Making $folder: Debian trixie with Ruby 3.3"
    # Under another name until it is complete: one that was interrupted is made anew.
    rm -rf "$folder.part"
    mkdir -p "$folder.part"
    debootstrap --variant=minbase --include="$packages" trixie "$folder.part" "$from" > "$(log_of trixie)" 2>&1 < /dev/null ||
        { tail -20 "$(log_of trixie)" >&2; die "debootstrap failed; the whole output is in $(log_of trixie)"; }
    rm -rf "$folder.part/var/cache/apt/archives"/*.deb
    mv "$folder.part" "$folder"
}

# The files that git knows or would add, in the place of those of the time before; what was built from them stays.
copy_project() {
    mkdir -p "$folder/project"
    find "$folder/project" -mindepth 1 -maxdepth 1 ! -name tmp ! -name Gemfile.lock -exec rm -rf {} +
    (cd "$root" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        [ ! -e "$file" ] || printf '%s\0' "$file"
    done | tar --create --no-recursion --null --files-from=-) | tar --extract --directory "$folder/project"
}

# Not by the environment: specs start processes without Bundler's.
tell_bundler() {
    mkdir -p "$folder/root/.bundle"
    printf -- '---\nBUNDLE_PATH: "/bundle"\n' > "$folder/root/.bundle/config"
}

# As on this machine: names of hosts, and whom it trusts.
copy_network() {
    local file
    for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
        [ ! -e "$file" ] || cp -L --remove-destination "$file" "$folder$file"
    done
}

as_is=
[ "${1:-}" != --as-is ] || { as_is=1; shift; }
[ $# -gt 0 ] || die "Usage: bin/support/trixie.sh [--as-is] COMMAND..."
[ -d "$folder" ] || make_folder
[ "$(id -u)" = 0 ] || die "Only root can work in $folder."
[ -n "$as_is" ] || copy_project
copy_network
tell_bundler

environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
    BUNDLE_SILENCE_ROOT_WARNING=1 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt)
for name in "${passed_on[@]}"; do [ -z "${!name:-}" ] || environment+=("$name=${!name}"); done

# A mount namespace of the command's own: nothing has to be unmounted.
exec unshare --mount --propagation private sh -ec '
    folder=$1; shift
    mount -t proc proc "$folder/proc"
    mount --rbind /dev "$folder/dev"
    exec chroot "$folder" "$@"
' sh "$folder" env -i "${environment[@]}" sh -c 'cd /project && exec "$@"' sh "$@"
