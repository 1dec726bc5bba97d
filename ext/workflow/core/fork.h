/*
 * What has to happen around a fork of this process, whoever forks and from whatever code
 * (pthread_atfork): before it, every engine closes its gate and its connections; in the parent it opens
 * the gate again; in the child it is dead. The list of those who want to know is the one global of the
 * core. Any thread; one mutex, held from before a fork until after it, so that no engine comes or goes.
 */
#ifndef WF_FORK_H
#define WF_FORK_H

struct wf_fork_member {
    void (*before)(void *context);
    void (*in_parent)(void *context);
    void (*in_child)(void *context);
    void *context;
    struct wf_fork_member *next; /* private to fork.c */
};

void wf_fork_join(
    struct wf_fork_member *member); /* the member stays the caller's until it leaves */
void wf_fork_leave(struct wf_fork_member *member);

#endif
