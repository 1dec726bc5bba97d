/* Chance with a seed, which is printed, so that a failure can be had again: SEED=… */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

static inline void random_seed(const char *name)
{
    const char *given = getenv("SEED");

    random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u;
    printf("       %s: SEED=%llu\n", name, (unsigned long long)random_state);
    random_state |= 1;
}

static inline uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % limit;
}

#endif
