/* Chance with a seed, which is printed, so that a failure can be had again: SEED=… */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

/* Seeds that follow one another are to give what has nothing in common. */
static inline void random_start(uint64_t seed)
{
    seed += 0x9e3779b97f4a7c15u;
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebu;
    random_state = seed ^ (seed >> 31);
    random_state += !random_state;
}

static inline void random_seed(const char *name)
{
    const char *given = getenv("SEED");

    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

    printf("       %s: SEED=%llu\n", name, (unsigned long long)seed);
    random_start(seed);
}

static inline uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % limit;
}

#endif
