// Runs in each document before any script of the page: tells each (run, version) that a region begins to show, with the moment
// by the clock of the machine. A load of a document has a name of its own; one that comes back from the browser's memory keeps it.
(() => {
  const load = `${performance.timeOrigin}-${Math.random()}`
  const shown = new Map()

  function tell(what) {
    window.recordLive(JSON.stringify({ load, at: (performance.timeOrigin + performance.now()) / 1000, ...what }))
  }

  function look() {
    for (const region of document.querySelectorAll("[data-workflow-run][data-version]")) {
      const { workflowRun: run, version } = region.dataset
      if (shown.get(region.id) === `${run} ${version}`) continue
      shown.set(region.id, `${run} ${version}`)
      tell({ region: region.id, run, version: Number(version) })
    }
  }

  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["id", "data-version", "data-workflow-run"] })
})()
