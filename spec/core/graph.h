/*
 * Workflows for the tests of the core, in one line: "a! b c? d<a,b". A word is a step: `!` now, `?` await,
 * neither: later. It comes after the word before it, or after those named behind `<` (none: it is a root).
 */
#ifndef GRAPH_H
#define GRAPH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"

#define GRAPH_MAX 12

struct graph {
    struct wf_definition_step steps[GRAPH_MAX];
    uint16_t deps[GRAPH_MAX][GRAPH_MAX];
    char text[256];
    uint16_t count;
};

static inline uint16_t graph_index(const struct graph *graph, const char *name, size_t len)
{
    for (uint16_t i = 0; i < graph->count; i++) {
        if (graph->steps[i].name.len == len && !memcmp(graph->steps[i].name.ptr, name, len)) {
            return i;
        }
    }
    abort();
}

static inline void graph_deps(struct graph *graph, uint16_t index, const char *names)
{
    while (*names) {
        size_t len = strcspn(names, ",");

        graph->deps[index][graph->steps[index].dep_count++] = graph_index(graph, names, len);
        names += len + (names[len] == ',');
    }
}

static inline void graph_read(struct graph *graph, const char *line)
{
    char *next = NULL;

    *graph = (struct graph){0};
    snprintf(graph->text, sizeof(graph->text), "%s", line);
    for (char *word = strtok_r(graph->text, " ", &next); word; word = strtok_r(NULL, " ", &next)) {
        size_t len = strcspn(word, "!?<");
        char mark = word[len];
        char *after = strchr(word, '<');
        uint16_t index = graph->count;
        struct wf_definition_step *step = &graph->steps[index];

        *step =
            (struct wf_definition_step){.name = {word, len}, .backoff_ms = WF_BACKOFF_EXPONENTIAL};
        step->kind = mark == '!' ? WF_STEP_NOW : mark == '?' ? WF_STEP_AWAIT : WF_STEP_LATER;
        step->deps = graph->deps[index];
        if (after) {
            graph_deps(graph, index, after + 1);
        } else if (index) {
            graph->deps[index][step->dep_count++] = (uint16_t)(index - 1);
        }
        graph->count++;
    }
}

static inline struct wf_definition *graph_define(const struct graph *graph, bool unique)
{
    return wf_definition_new(WF_BYTES("Signup"), WF_BYTES("signup"), unique, graph->steps,
                             graph->count);
}

static inline struct wf_definition *define(const char *line)
{
    struct graph graph;

    graph_read(&graph, line);
    return graph_define(&graph, true);
}

#endif
