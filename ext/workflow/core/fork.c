#include "fork.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct wf_fork_member *members;

static void before(void)
{
    pthread_mutex_lock(&mutex);
    for (struct wf_fork_member *member = members; member; member = member->next) {
        member->before(member->context);
    }
}

static void in_parent(void)
{
    for (struct wf_fork_member *member = members; member; member = member->next) {
        member->in_parent(member->context);
    }
    pthread_mutex_unlock(&mutex);
}

/* The child's engines are dead: nobody is left on the list, so that its own forks do not visit them. */
static void in_child(void)
{
    for (struct wf_fork_member *member = members; member; member = member->next) {
        member->in_child(member->context);
    }
    members = NULL;
    pthread_mutex_unlock(&mutex);
}

static void install(void)
{
    pthread_atfork(before, in_parent, in_child);
}

void wf_fork_join(struct wf_fork_member *member)
{
    pthread_once(&once, install);
    pthread_mutex_lock(&mutex);
    member->next = members;
    members = member;
    pthread_mutex_unlock(&mutex);
}

void wf_fork_leave(struct wf_fork_member *member)
{
    pthread_mutex_lock(&mutex);
    for (struct wf_fork_member **at = &members; *at; at = &(*at)->next) {
        if (*at == member) {
            *at = member->next;
            break;
        }
    }
    pthread_mutex_unlock(&mutex);
}
