#include "memory.h"

#include <stdlib.h> /* says whose C library it is */

#ifdef __GLIBC__
#include <dlfcn.h>
#include <malloc.h>
#include <stdbool.h>

/* glibc's own functions crash or do harm where another allocator (jemalloc, a sanitizer's) has taken the place of malloc. */
static bool is_glibcs(void)
{
    void *allocate = dlsym(RTLD_DEFAULT, "malloc"), *trim = dlsym(RTLD_DEFAULT, "malloc_trim");
    Dl_info allocates, trims;

    return allocate && trim && dladdr(allocate, &allocates) && dladdr(trim, &trims) &&
           allocates.dli_fbase == trims.dli_fbase;
}
#endif

void wf_memory_trim(void)
{
#ifdef __GLIBC__
    if (is_glibcs()) {
        malloc_trim(0);
    }
#endif
}
