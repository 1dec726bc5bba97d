#include "definition.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

static size_t memory_len(struct wf_bytes class_name, struct wf_bytes name,
                         const struct wf_definition_step *steps, uint16_t step_count)
{
    size_t len = step_count * sizeof(*steps) + class_name.len + name.len;

    for (uint16_t i = 0; i < step_count; i++) {
        len += steps[i].dep_count * sizeof(uint16_t) + steps[i].was_count * sizeof(struct wf_bytes);
        len += steps[i].name.len + steps[i].otherwise.len + steps[i].remind.len;
        for (uint16_t old = 0; old < steps[i].was_count; old++) {
            len += steps[i].was[old].len;
        }
    }
    return len;
}

static struct wf_bytes copy(char **at, struct wf_bytes bytes)
{
    struct wf_bytes kept = {*at, bytes.len};

    if (bytes.len) {
        memcpy(*at, bytes.ptr, bytes.len);
        *at += bytes.len;
    }
    return kept;
}

/* Steps first, then all earlier names, all dependencies, all text: so that everything is aligned. */
static void fill(struct wf_definition *definition, struct wf_bytes class_name, struct wf_bytes name,
                 const struct wf_definition_step *steps)
{
    struct wf_definition_step *kept = definition->memory;
    struct wf_bytes *was = (struct wf_bytes *)(kept + definition->step_count), *old = was;
    uint16_t *deps;
    char *text;

    for (uint16_t i = 0; i < definition->step_count; i++) {
        kept[i] = steps[i];
        kept[i].was = was;
        was += steps[i].was_count;
    }
    deps = (uint16_t *)was;
    for (uint16_t i = 0; i < definition->step_count; i++) {
        kept[i].deps = deps;
        if (steps[i].dep_count) {
            memcpy(deps, steps[i].deps, steps[i].dep_count * sizeof(uint16_t));
        }
        deps += steps[i].dep_count;
    }
    text = (char *)deps;
    for (uint16_t i = 0; i < definition->step_count; i++) {
        kept[i].name = copy(&text, steps[i].name);
        kept[i].otherwise = copy(&text, steps[i].otherwise);
        kept[i].remind = copy(&text, steps[i].remind);
        for (uint16_t name = 0; name < steps[i].was_count; name++) {
            *old++ = copy(&text, steps[i].was[name]);
        }
    }
    definition->class_name = copy(&text, class_name);
    definition->name = copy(&text, name);
    definition->steps = kept;
}

struct wf_definition *wf_definition_new(struct wf_bytes class_name, struct wf_bytes name,
                                        bool unique, const struct wf_definition_step *steps,
                                        uint16_t step_count)
{
    struct wf_definition *definition = calloc(1, sizeof(*definition));

    if (!definition) {
        return NULL;
    }
    definition->memory = malloc(memory_len(class_name, name, steps, step_count) + 1);
    if (!definition->memory) {
        free(definition);
        return NULL;
    }
    definition->unique = unique;
    definition->step_count = step_count;
    fill(definition, class_name, name, steps);
    atomic_init(&definition->references, 1);
    return definition;
}

struct wf_definition *wf_definition_retain(struct wf_definition *definition)
{
    if (definition) {
        atomic_fetch_add(&definition->references, 1);
    }
    return definition;
}

void wf_definition_release(struct wf_definition *definition)
{
    if (definition && atomic_fetch_sub(&definition->references, 1) == 1) {
        free(definition->memory);
        free(definition);
    }
}

static bool was_named(const struct wf_definition_step *step, struct wf_bytes name)
{
    for (uint16_t i = 0; i < step->was_count; i++) {
        if (wf_bytes_equal(step->was[i], name)) {
            return true;
        }
    }
    return false;
}

const struct wf_definition_step *wf_definition_find(const struct wf_definition *definition,
                                                    struct wf_bytes name, int guess)
{
    if (!definition) {
        return NULL;
    }
    if (guess >= 0 && guess < definition->step_count &&
        wf_bytes_equal(definition->steps[guess].name, name)) {
        return &definition->steps[guess];
    }
    for (uint16_t i = 0; i < definition->step_count; i++) {
        if (wf_bytes_equal(definition->steps[i].name, name)) {
            return &definition->steps[i];
        }
    }
    for (uint16_t i = 0; i < definition->step_count; i++) {
        if (was_named(&definition->steps[i], name)) {
            return &definition->steps[i];
        }
    }
    return NULL;
}
