# Sourced by bin/setup, bin/demo, bin/test and bin/bench: installs what this machine lacks, says so, and does nothing when
# nothing is lacking. Debian packages are installed as root only; elsewhere a missing tool is named.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
example="$root/examples/signup"

export BUNDLE_SILENCE_ROOT_WARNING=1
unset BUNDLE_APP_CONFIG BUNDLE_GEMFILE BUNDLE_PATH

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }
have() { command -v "$1" > /dev/null 2>&1; }

have_one() {
    local name
    for name in "$@"; do have "$name" && return; done
    return 1
}

have_header() { have cc && printf '#include <stdio.h>\n#include <%s>\n' "$1" | cc -E - > /dev/null 2>&1; }

have_ruby_headers() {
    have ruby && ruby -rrbconfig -e 'exit File.exist?(File.join(RbConfig::CONFIG["rubyhdrdir"], "ruby.h"))'
}

have_library() { have pkg-config && pkg-config --exists "$1"; }

# What compiling the core takes, as Debian packages, one a line.
lacking_to_compile() {
    have ruby || say ruby
    have_ruby_headers || say ruby-dev
    { have_one cc && have make; } || say build-essential
    have_header sqlite3ext.h || say libsqlite3-dev
}

# And the gems that the checkout depends on.
lacking_to_build() {
    lacking_to_compile
    have bundle || say bundler
    have pkg-config || say pkg-config
    have_header yaml.h || say libyaml-dev
    have_header zlib.h || say zlib1g-dev
    have_library libxml-2.0 || ! have apt-get || say libxml2-dev
    have_library libxslt || ! have apt-get || say libxslt1-dev
    [ -e /etc/ssl/certs/ca-certificates.crt ] || ! have apt-get || say ca-certificates
}

lacking_to_browse() {
    have_one chromium google-chrome google-chrome-stable || say chromium
    have chromedriver || say chromium-driver
}

have_postgresql() {
    local folder
    for folder in /usr/lib/postgresql/*/bin; do [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && return; done
    have initdb && have postgres
}

# PostgreSQL's client library comes with the gem pg.
lacking_to_test() {
    have clang-format || say clang-format
    have valgrind || say valgrind
    have_postgresql || say postgresql
}

# The specs run a server of their own: the package is not to make one that runs from then on.
no_main_cluster=/etc/postgresql-common/createcluster.d/workflow.conf
without_main_cluster() {
    mkdir -p "$(dirname $no_main_cluster)" && say "create_main_cluster = false" > $no_main_cluster
}

# bin/bench runs a Redis of its own likewise: nothing is to start one when the package is unpacked.
no_services=/usr/sbin/policy-rc.d
without_services() {
    [ -e $no_services ] || { printf '#!/bin/sh\nexit 101 # bin/bench\n' > $no_services && chmod +x $no_services; }
}
with_services() { ! grep -qs 'bin/bench' $no_services || rm -f $no_services; }

# install_packages PACKAGE...
install_packages() {
    [ $# -gt 0 ] || return 0
    have apt-get || die "Missing here: $*. (These are Debian's names.) Install them and try again."
    [ "$(id -u)" = 0 ] || die "Missing here. Install with: sudo apt-get install $*"
    say "Installing Debian packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    case " $* " in *" postgresql "*) without_main_cluster ;; esac
    case " $* " in *" redis-server "*) without_services ;; esac
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } > "$(log_of packages)" 2>&1 < /dev/null ||
        { with_services; tail -20 "$(log_of packages)" >&2; die "apt-get failed; the whole output is in $(log_of packages)"; }
    rm -f $no_main_cluster
    with_services
}

# install_gems FOLDER PATH: the bundle of the folder's Gemfile, into PATH (relative to the folder).
install_gems() {
    (
        cd "$1"
        grep -qs BUNDLE_PATH .bundle/config || bundle config set --local path "$2" > /dev/null
        bundle check > /dev/null 2>&1 && exit
        # The system's libraries where it has them: to compile the copies that gems carry takes minutes.
        have_library libxslt && export BUNDLE_BUILD__NOKOGIRI=--use-system-libraries
        have_library sqlite3 && export BUNDLE_BUILD__SQLITE3=--enable-system-libraries
        say "Installing the gems of ${1#"$root"/}/Gemfile"
        MAKEFLAGS="-j$(getconf _NPROCESSORS_ONLN)" bundle install --jobs 4 < /dev/null > "$(log_of gems)" 2>&1 ||
            { tail -40 "$(log_of gems)" >&2; die "bundle install failed; the whole output is in $(log_of gems)"; }
    )
}

check_ruby() {
    ruby -e 'exit RUBY_VERSION >= "3.1"' || die "Ruby 3.1 or newer is needed; $(ruby -v) is what is here."
}

compile_core() {
    (cd "$root" && bundle exec rake compile < /dev/null > "$(log_of compile)" 2>&1) ||
        { tail -40 "$(log_of compile)" >&2; die "rake compile failed; the whole output is in $(log_of compile)"; }
}

log_of() {
    mkdir -p "$root/tmp/setup"
    say "$root/tmp/setup/$1.log"
}
