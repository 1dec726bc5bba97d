/*
 * The log is the truth: this folds it again from nothing into an empty store, so that its projections can
 * be compared with those that were kept along the way. One thread; no engine is needed.
 */
#ifndef WF_REBUILD_H
#define WF_REBUILD_H

#include "state.h"
#include "store.h"

/* The run's own row, as the state says; `encoded` is filled and lent to it. OK | NO_MEMORY */
enum wf_status wf_rebuild_run_row(const struct wf_state *state, struct wf_buffer *encoded,
                                  struct wf_run_row *row);

/* Copies the events of the store at `from` into the new one at `to`, and writes what folding them gives.
 * *runs: how many. OK | STORE_* | NO_MEMORY */
enum wf_status wf_rebuild(const struct wf_store_functions *does, const char *from, const char *to,
                          int64_t *runs, struct wf_error *error);

#endif
