/*
 * Memory that was freed, given back to the system. No locks but the allocator's; any thread.
 */
#ifndef WF_MEMORY_H
#define WF_MEMORY_H

/* Takes milliseconds, some more with a big heap. Does nothing where the allocator is not glibc's. */
void wf_memory_trim(void);

#endif
