#include "process.h"

#include "liveness.h"

#define PEERS_MAX 16

static struct wf_shared shared;
static struct wf_liveness mine;
static char store[400];

/* What a scan called with. */
struct seen {
    enum wf_peer peers[PEERS_MAX];
    int indexes[PEERS_MAX], count;
    int64_t owners[PEERS_MAX];
    bool entered, clear;
};

static bool note(void *context, enum wf_peer peer, int index, struct wf_shared_process *entry)
{
    struct seen *seen = context;

    CHECK(seen->count < PEERS_MAX);
    seen->peers[seen->count] = peer;
    seen->indexes[seen->count] = index;
    seen->owners[seen->count++] = atomic_load(&entry->owner);
    seen->entered = wf_liveness_entered(entry, 5, 1000);
    return seen->clear;
}

static struct seen scan(struct wf_liveness *liveness, int64_t now, bool clear)
{
    struct seen seen = {.clear = clear};

    wf_liveness_scan(liveness, now, note, &seen);
    return seen;
}

static void join(struct wf_shared *file, struct wf_liveness *liveness, int64_t owner)
{
    struct wf_error error = {0};

    CHECK(wf_shared_open(file, store, &error) == WF_OK);
    wf_liveness_init(liveness, file);
    CHECK(!wf_liveness_self(liveness));
    CHECK(wf_liveness_join(liveness, &error) == WF_OK);
    if (owner) {
        wf_liveness_announce(liveness, owner);
    }
}

static void prepare(void)
{
    new_path(store, "store");
    join(&shared, &mine, 1);
}

static void finish(void)
{
    wf_liveness_leave(&mine);
    wf_shared_close(&shared);
}

/* Joins as `owner`, enters slot 5, and stays. */
static void peer(const struct child *parent, void *context)
{
    struct wf_shared file;
    struct wf_liveness liveness;

    join(&file, &liveness, *(int64_t *)context);
    atomic_store(&wf_liveness_self(&liveness)->holding, 1);
    atomic_store(&wf_liveness_self(&liveness)->lease_until_ms, 500);
    wf_liveness_enter(&liveness, 5, 1000);
    wf_liveness_works(&liveness, 3);
    say(parent, 'j');
    hear(parent);
    wf_liveness_leave(&liveness);
}

static struct child start_peer(int64_t owner)
{
    struct child child = start(peer, &owner);

    CHECK(hear(&child) == 'j');
    return child;
}

TEST(joins_announces_and_leaves)
{
    struct wf_shared_process *self;

    prepare();
    self = wf_liveness_self(&mine);
    CHECK(self && atomic_load(&self->owner) == 1 && atomic_load(&self->pid) == getpid());
    CHECK(wf_liveness_alive(&mine, 1));
    CHECK(!wf_liveness_alive(&mine, 2) && !wf_liveness_alive(&mine, 0));
    CHECK(scan(&mine, INT64_MAX, true).count == 0);
    wf_liveness_leave(&mine);
    CHECK(atomic_load(&self->owner) == 0 && !wf_liveness_self(&mine));
    CHECK(!wf_liveness_alive(&mine, 1));
    finish();
}

TEST(enters_and_exits_a_slot)
{
    struct wf_shared_process *self;

    prepare();
    self = wf_liveness_self(&mine);
    CHECK(!wf_liveness_entered(self, 7, 0));
    for (int64_t fence = 0; fence < 600; fence++) {
        wf_liveness_enter(&mine, 7, fence);
        CHECK(wf_liveness_entered(self, 7, fence));
        CHECK(!wf_liveness_entered(self, 7, fence + 1));
        CHECK(!wf_liveness_entered(self, 6, fence) && !wf_liveness_entered(self, 8, fence));
    }
    wf_liveness_enter(&mine, 7, INT64_MAX);
    CHECK(wf_liveness_entered(self, 7, INT64_MAX));
    wf_liveness_exit(&mine, 7);
    CHECK(!wf_liveness_entered(self, 7, INT64_MAX));
    CHECK(!wf_liveness_entered(self, -1, 1) && !wf_liveness_entered(self, WF_SLOTS_MAX, 1));
    wf_liveness_enter(&mine, WF_SLOTS_MAX - 1, 1);
    wf_liveness_announce(&mine, 2);
    CHECK(!wf_liveness_entered(self, WF_SLOTS_MAX - 1, 1)); /* announced: nothing is in hand */
    finish();
}

/* Where the outcome of a start was not known, a slot can have been given to two runs. */
TEST(a_mark_says_of_which_run)
{
    struct wf_shared_process *self;

    prepare();
    self = wf_liveness_self(&mine);
    for (int64_t id = 1; id < 5000; id++) {
        wf_liveness_enter(&mine, 7, wf_liveness_turn(id, 0, 1));
        CHECK(wf_liveness_entered(self, 7, wf_liveness_turn(id, 0, 1)));
        CHECK(!wf_liveness_entered(self, 7, wf_liveness_turn(id + 1, 0, 1)));
        for (int step = 1; step < (int)WF_STEPS_MAX; step++) {
            CHECK(!wf_liveness_entered(self, 7, wf_liveness_turn(id, step, 1)));
            CHECK(!wf_liveness_entered(self, 7, wf_liveness_turn(id + 1, step, 1)));
        }
    }
    finish();
}

TEST(a_living_peer_is_left_alone_until_its_lease_ran_out)
{
    struct child child;
    struct seen seen;

    prepare();
    child = start_peer(22);
    CHECK(wf_liveness_alive(&mine, 22));
    CHECK(scan(&mine, 500, true).count == 0);
    seen = scan(&mine, 501, true);
    CHECK(seen.count == 1 && seen.peers[0] == WF_PEER_EXPIRED && seen.owners[0] == 22);
    CHECK(scan(&mine, 501, true).count == 1); /* its entry is not cleared: it may still be there */
    atomic_store(&shared.map->processes[seen.indexes[0]].holding, 0);
    CHECK(scan(&mine, 501, true).count == 0); /* holds nothing: its lease means nothing */
    say(&child, 'q');
    end(&child);
    CHECK(!wf_liveness_alive(&mine, 22) && scan(&mine, INT64_MAX, true).count == 0);
    finish();
}

TEST(a_stopped_peer_is_expired_not_dead)
{
    struct child child;
    struct seen seen;

    prepare();
    child = start_peer(22);
    stop_and_see(&child);
    seen = scan(&mine, 501, true);
    CHECK(seen.count == 1 && seen.peers[0] == WF_PEER_EXPIRED);
    CHECK(wf_liveness_alive(&mine, 22));
    kill(child.pid, SIGCONT);
    say(&child, 'q');
    end(&child);
    finish();
}

TEST(a_killed_peer_is_dead_at_the_next_scan_and_its_marks_survive)
{
    struct child child;
    struct seen seen;

    prepare();
    child = start_peer(22);
    end_by(&child, SIGKILL);
    CHECK(!wf_liveness_alive(&mine, 22));
    seen = scan(&mine, 0, false);
    CHECK(seen.count == 1 && seen.peers[0] == WF_PEER_DEAD && seen.owners[0] == 22 && seen.entered);
    seen = scan(&mine, 0, true); /* not taken over the first time: told again */
    CHECK(seen.count == 1 && seen.entered);
    CHECK(scan(&mine, INT64_MAX, true).count == 0);
    CHECK(atomic_load(&shared.map->processes[seen.indexes[0]].entered[5]) == 0);
    CHECK(!wf_shared_locked(&shared, WF_LOCK_LIVE + seen.indexes[0]));
    finish();
}

TEST(work_is_attended_while_a_process_with_threads_is_alive)
{
    struct child child;

    prepare();
    CHECK(!wf_liveness_attended(&mine));
    wf_liveness_works(&mine, 2);
    CHECK(wf_liveness_attended(&mine));
    wf_liveness_works(&mine, 0);
    CHECK(!wf_liveness_attended(&mine));
    child = start_peer(22);
    CHECK(wf_liveness_attended(&mine));
    end_by(&child, SIGKILL);
    CHECK(!wf_liveness_attended(&mine)); /* though nobody has looked after its entry */
    child = start_peer(23);
    CHECK(wf_liveness_attended(&mine));
    end(&child);
    CHECK(!wf_liveness_attended(&mine));
    finish();
}

TEST(an_index_comes_free_only_when_its_entry_was_cleared)
{
    struct wf_shared second, third;
    struct wf_liveness after, again;
    struct child child;
    int dead;

    prepare();
    child = start_peer(22);
    end_by(&child, SIGKILL);
    join(&second, &after, 33);
    dead = scan(&mine, 0, false).indexes[0];
    CHECK(after.index != dead);
    CHECK(scan(&mine, 0, true).count == 1);
    join(&third, &again, 44);
    CHECK(again.index == dead);
    wf_liveness_leave(&after);
    wf_liveness_leave(&again);
    wf_shared_close(&second);
    wf_shared_close(&third);
    finish();
}

TEST(two_engines_of_one_process_are_peers)
{
    struct wf_shared second;
    struct wf_liveness other;
    struct seen seen;

    prepare();
    join(&second, &other, 2);
    CHECK(other.index != mine.index);
    CHECK(wf_liveness_alive(&mine, 2) && wf_liveness_alive(&other, 1));
    CHECK(scan(&mine, 0, true).count == 0 && scan(&other, 0, true).count == 0);
    wf_shared_close(&second); /* gone without leaving */
    seen = scan(&mine, 0, true);
    CHECK(seen.count == 1 && seen.peers[0] == WF_PEER_DEAD && seen.owners[0] == 2);
    CHECK(wf_liveness_alive(&mine, 1)); /* and closing one took nothing from the other */
    finish();
}

TEST(who_died_before_announcing_leaves_no_trace)
{
    struct child child;
    int64_t nobody = 0;

    prepare();
    child = start(peer, &nobody);
    CHECK(hear(&child) == 'j');
    end_by(&child, SIGKILL);
    CHECK(scan(&mine, INT64_MAX, true).count == 0);
    finish();
}

static bool linger(void *context, enum wf_peer peer, int index, struct wf_shared_process *entry)
{
    (void)index;
    CHECK(peer == WF_PEER_DEAD && atomic_load(&entry->owner) == 22);
    say(context, 'i');
    return hear(context) == 'c';
}

static void lingering_scanner(const struct child *parent, void *context)
{
    struct wf_shared file;
    struct wf_liveness liveness;

    (void)context;
    join(&file, &liveness, 2);
    wf_liveness_scan(&liveness, 0, linger, (void *)(uintptr_t)parent);
    say(parent, 'e');
    hear(parent);
    wf_liveness_leave(&liveness);
}

TEST(while_one_looks_after_a_dead_peer_nobody_else_does)
{
    struct child child, other;

    prepare();
    child = start_peer(22);
    end_by(&child, SIGKILL);
    other = start(lingering_scanner, NULL);
    CHECK(hear(&other) == 'i');
    CHECK(scan(&mine, 0, true).count == 0);
    say(&other, 'c');
    CHECK(hear(&other) == 'e');
    CHECK(scan(&mine, 0, true).count == 0); /* it was looked after */
    say(&other, 'q');
    end(&other);
    finish();
}

#define SCANNERS 4
#define DEAD_AT_ONCE 40
#define VICTIMS (15 * DEAD_AT_ONCE)

static struct {
    _Atomic int taken[VICTIMS], inside[WF_PROCESSES_MAX], left;
} * tally;

static bool take_over(void *context, enum wf_peer peer, int index, struct wf_shared_process *entry)
{
    int64_t owner = atomic_load(&entry->owner);

    (void)context;
    if (peer != WF_PEER_DEAD) {
        return false;
    }
    CHECK(owner >= 100 && owner < 100 + VICTIMS);
    CHECK(wf_liveness_entered(entry, 5, 1000));
    CHECK(atomic_fetch_add(&tally->inside[index], 1) == 0);
    atomic_fetch_add(&tally->taken[owner - 100], 1);
    atomic_fetch_sub(&tally->inside[index], 1);
    atomic_fetch_sub(&tally->left, 1);
    return true;
}

static void scanner(const struct child *parent, void *context)
{
    struct wf_shared file;
    struct wf_liveness liveness;

    join(&file, &liveness, *(int64_t *)context);
    say(parent, 'r');
    while (atomic_load(&tally->left) > 0) {
        wf_liveness_scan(&liveness, 0, take_over, NULL);
    }
    wf_liveness_leave(&liveness);
}

/* Many entries of one process, each by a description of its own, so that all die in one moment. */
static void crowd(const struct child *parent, void *context)
{
    static struct wf_shared files[DEAD_AT_ONCE];
    static struct wf_liveness lives[DEAD_AT_ONCE];
    int first = *(int *)context;

    for (int i = 0; i < DEAD_AT_ONCE; i++) {
        join(&files[i], &lives[i], 0);
        wf_liveness_announce(&lives[i], 100 + first + i);
        wf_liveness_enter(&lives[i], 5, 1000);
    }
    say(parent, 'j');
    hear(parent);
}

/* All look in the same order, so they meet at every entry. */
TEST(of_many_scanners_exactly_one_takes_a_dead_peer_over)
{
    struct child scanners[SCANNERS];

    prepare();
    tally = shared_memory(sizeof(*tally));
    atomic_store(&tally->left, VICTIMS);
    for (int64_t i = 0; i < SCANNERS; i++) {
        int64_t owner = 10 + i;

        scanners[i] = start(scanner, &owner);
        CHECK(hear(&scanners[i]) == 'r');
    }
    for (int first = 0; first < VICTIMS; first += DEAD_AT_ONCE) {
        struct child victims = start(crowd, &first);

        CHECK(hear(&victims) == 'j');
        end_by(&victims, SIGKILL);
    }
    for (int i = 0; i < SCANNERS; i++) {
        end(&scanners[i]);
    }
    for (int i = 0; i < VICTIMS; i++) {
        CHECK(atomic_load(&tally->taken[i]) == 1);
    }
    munmap(tally, sizeof(*tally));
    finish();
}

static bool die_inside(void *context, enum wf_peer peer, int index, struct wf_shared_process *entry)
{
    (void)peer, (void)index, (void)entry;
    say(context, 'd');
    raise(SIGKILL);
    return true;
}

static void dying_scanner(const struct child *parent, void *context)
{
    struct wf_shared file;
    struct wf_liveness liveness;

    (void)context;
    join(&file, &liveness, 0);
    wf_liveness_scan(&liveness, 0, die_inside, (void *)(uintptr_t)parent);
}

TEST(a_scanner_killed_at_work_leaves_the_dead_one_to_the_next)
{
    struct child child, dying;
    struct seen seen;

    prepare();
    child = start_peer(22);
    end_by(&child, SIGKILL);
    dying = start(dying_scanner, NULL);
    CHECK(hear(&dying) == 'd');
    CHECK(WIFSIGNALED(reap(&dying)));
    seen = scan(&mine, 0, true);
    CHECK(seen.count == 1 && seen.owners[0] == 22 && seen.entered);
    finish();
}

/* The header of a machine that lost power may be older than the entries behind it. */
TEST(an_entry_beyond_the_reach_is_known_and_looked_at_from_then_on)
{
    struct seen seen;

    prepare();
    atomic_store(&shared.map->processes[9].owner, 77);
    CHECK(shared.map->reach == 1);
    CHECK(scan(&mine, 0, false).count == 0);
    CHECK(!wf_liveness_known(&mine, 78) && shared.map->reach == 1);
    CHECK(!wf_liveness_listed(&mine, 77));
    CHECK(wf_liveness_known(&mine, 77) && shared.map->reach == 10);
    CHECK(wf_liveness_listed(&mine, 77));
    seen = scan(&mine, 0, true);
    CHECK(seen.count == 1 && seen.owners[0] == 77 && seen.peers[0] == WF_PEER_DEAD);
    CHECK(!wf_liveness_known(&mine, 77));
    finish();
}

TEST(says_when_all_entries_are_taken)
{
    struct wf_liveness more = {.index = -1};
    struct wf_error error = {0};

    prepare();
    for (int i = 0; i < (int)WF_PROCESSES_MAX; i++) {
        if (i != mine.index) {
            atomic_store(&shared.map->processes[i].owner, 1000 + i);
        }
    }
    wf_liveness_init(&more, &shared);
    CHECK(wf_liveness_join(&more, &error) == WF_TOO_LARGE);
    CHECK(strstr(error.message, "1024") != NULL && !wf_liveness_self(&more));
    finish();
}
