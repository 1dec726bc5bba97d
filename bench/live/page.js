// Runs before the page's own scripts: tells each number that the page begins to show, with the moment by the clock of the machine.
(() => {
  let shown
  new MutationObserver(() => {
    const number = document.querySelector("[data-number]")?.dataset.number
    if (number === undefined || number === shown) return
    shown = number
    window.recordNumber(`${number} ${(performance.timeOrigin + performance.now()) / 1000}`)
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-number"] })
})()
