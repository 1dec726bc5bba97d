/*
 * What every store promises (store.h), as cases that any backend can be held to. A backend's own test links
 * store_contract*.c and adds what only it can do.
 */
#ifndef STORE_CONTRACT_H
#define STORE_CONTRACT_H

#include "store.h"

/* The path of a store that does not exist yet: a new one with every call; valid until the next. */
typedef const char *store_contract_path_fn(void);

/* Runs every case on a store of its own, prints the name of each that fails, returns how many did. */
int store_contract(const struct wf_store_functions *does, store_contract_path_fn *fresh_path);

#endif
