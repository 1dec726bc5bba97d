#include "test.h"

#include "graph.h"
#include "buffer.h"

static struct wf_bytes name_of(const char *string)
{
    return (struct wf_bytes){string, strlen(string)};
}

TEST(a_definition_keeps_copies_of_all_that_it_was_given)
{
    struct graph graph;
    struct wf_definition *definition;
    char otherwise[] = "forget";

    graph_read(&graph, "a! b? c<a,b");
    graph.steps[1].otherwise = name_of(otherwise);
    graph.steps[1].expires_ms = 5;
    graph.steps[2].retries = 7;
    definition = graph_define(&graph, true);
    memset(&graph, 'x', sizeof(graph));
    memset(otherwise, 'x', sizeof(otherwise) - 1);
    CHECK(definition->unique && definition->step_count == 3);
    CHECK(wf_bytes_equal(definition->class_name, name_of("Signup")));
    CHECK(wf_bytes_equal(definition->name, name_of("signup")));
    CHECK(wf_bytes_equal(definition->steps[1].otherwise, name_of("forget")));
    CHECK(definition->steps[1].kind == WF_STEP_AWAIT && definition->steps[1].expires_ms == 5);
    CHECK(definition->steps[2].dep_count == 2 && definition->steps[2].deps[0] == 0);
    CHECK(definition->steps[2].deps[1] == 1 && definition->steps[2].retries == 7);
    wf_definition_release(definition);
}

TEST(a_step_is_found_by_name_wherever_the_guess_is)
{
    struct wf_definition *definition = define("a b c");

    for (int guess = -2; guess < 6; guess++) {
        CHECK(wf_definition_find(definition, name_of("b"), guess) == &definition->steps[1]);
        CHECK(!wf_definition_find(definition, name_of("d"), guess));
    }
    CHECK(!wf_definition_find(NULL, name_of("a"), 0));
    wf_definition_release(definition);
}

TEST(a_step_is_found_by_the_names_that_it_had_but_another_of_that_name_comes_first)
{
    static const struct wf_bytes was[] = {{"old", 3}, {"a", 1}};
    struct graph graph;
    struct wf_definition *definition;

    graph_read(&graph, "a b");
    graph.steps[1].was = was;
    graph.steps[1].was_count = 2;
    definition = graph_define(&graph, true);
    for (int guess = -1; guess < 3; guess++) {
        CHECK(wf_definition_find(definition, name_of("old"), guess) == &definition->steps[1]);
        CHECK(wf_definition_find(definition, name_of("a"), guess) == &definition->steps[0]);
        CHECK(!wf_definition_find(definition, name_of("ol"), guess));
    }
    wf_definition_release(definition);
}

TEST(it_lives_as_long_as_somebody_holds_it)
{
    struct wf_definition *definition = define("a");

    CHECK(wf_definition_retain(definition) == definition && !wf_definition_retain(NULL));
    wf_definition_release(definition);
    CHECK(wf_definition_find(definition, name_of("a"), 0));
    wf_definition_release(definition);
    wf_definition_release(NULL);
}
