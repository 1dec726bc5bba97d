/*
 * Points at which a test kills this process: before every statement in a transaction of the log's, after its COMMIT,
 * and before its callers are answered. Compiled in with -DWF_FAULT_POINTS only (rake compile:faults); without, neither
 * code nor symbol nor name is there.
 *
 * Which one: WORKFLOW_FAULT_POINT in the environment, "log before COMMIT#2" being the second time that the process comes
 * there. All that are passed are appended to the file WORKFLOW_FAULT_TRACE, one a line. Both are read at the first point.
 */
#ifndef WF_FAULT_H
#define WF_FAULT_H

#ifdef WF_FAULT_POINTS
void wf_fault_point(const char *name);
#define WF_FAULT_POINT(name) wf_fault_point(name)
#else
#define WF_FAULT_POINT(name) ((void)0)
#endif

#endif
