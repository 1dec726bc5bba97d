// Keeps the regions of a page true: the elements that workflow_for and its like made, each stamped with the version of the run
// that it shows. A message says only that a run is at a version; this asks for the page's own address then, as the person who
// looks, and takes nothing but the regions out of the answer. Works with Turbo, and by asking now and then without it.
// Reading order: announce, pull, look, accept, replace; then what people typed; then when to look.

const REGION = "[data-workflow-run]"
const SOURCE = "turbo-cable-stream-source[channel='Workflow::StreamChannel']"
const ENDED = ["done", "expired", "cancelled"]
const APART_MS = 250          // between the starts of two looks
const TICK_MS = 500
const ALONE_MS = 1500         // without a stream for so long: ask now and then
const POLL_MS = 2500          // so that what is new is seen within 5 s: Action Cable takes up to 18 s until it connects again
const LONG_ALONE_MS = 60000   // and more seldom after so long
const LATER_POLL_MS = 5000
const UNHEARD_MS = 6000       // without a stream for so long, its name may have run out
const TIMEOUT_MS = 60000
const LONGEST_MS = 30000      // between two looks when they fail

const stamps = new WeakMap()  // region -> { run, version, at, again }: what it shows, and since when
const held = new WeakMap()    // region -> the newer one that somebody's typing keeps out
const missing = new WeakSet() // regions that the page no longer has, while it has others
const typed = new WeakSet()   // fields that somebody has typed in
const sending = new Set()     // forms that are on their way
const sent = new WeakSet()    // forms that have arrived: what is typed in them is not lost
const announced = new Map()   // run -> version

let wanted = false, pulling = false, timer, startedAt = -Infinity, delay = 0, renders = 0
let unheardSince, leaving, left = false, visit

const now = () => performance.now()
const regions = (root = document) => [...root.querySelectorAll(REGION)]
const outer = (region) => !region.parentElement?.closest(REGION)
const turbo = () => window.Turbo

// Of the moment that it was first seen with that version.
function stampOf(region) {
  const run = region.dataset.workflowRun, version = Number(region.dataset.version)
  let stamp = stamps.get(region)
  if (stamp?.run !== run || stamp.version !== version) {
    stamp = { run, version, at: now(), again: region.hasAttribute("data-workflow-again") }
    stamps.set(region, stamp)
  }
  return stamp
}

// What a run's stream says. Lower than ever before, or the same with another mark: the log was restored from a copy, and the page
// is of its lost part.
function announce({ run, version, mark, reset }) {
  const before = announced.get(run)
  announced.set(run, Number(version))
  if (reset) {
    sourcesOf(run).forEach((source) => source.removeAttribute("connected"))
    announced.delete(run)
    want()
  } else if (before === undefined || Number(version) < before) {
    if (regions().some((region) => region.dataset.workflowRun === run && differs(region, version, mark))) want()
  }
  schedule()
}

const differs = (region, version, mark) => stampOf(region).version !== Number(version) || otherMark(region, mark)

function otherMark({ dataset: { workflowMark } }, mark) {
  return workflowMark !== undefined && mark !== undefined && workflowMark !== mark
}

// Who is connected again is told the present version first. Whatever differs from that was missed, or is of a log that is gone.
function disconnected(changes) {
  for (const { target } of changes) {
    if (target.matches(SOURCE) && !target.hasAttribute("connected")) announced.delete(target.closest(REGION)?.dataset.workflowRun)
  }
}

function behind() {
  return regions().some((region) => {
    const { run, version, again } = stampOf(region)
    const offered = held.get(region)
    const seen = offered?.dataset.workflowRun === run ? Math.max(version, Number(offered.dataset.version)) : version
    return !missing.has(region) && ((again && !offered) || announced.get(run) > seen)
  })
}

function want() {
  wanted = true
  schedule()
}

function schedule() {
  if (pulling || left || !(wanted || behind())) return
  const wait = Math.max(startedAt + APART_MS, startedAt + delay) - now()
  clearTimeout(timer)
  if (wait <= 0) pull()
  else timer = setTimeout(pull, wait)
}

// One at a time a page. When it is done and something newer was announced meanwhile, it looks again; when it failed, later and later.
async function pull() {
  if (pulling || left || document.documentElement.hasAttribute("data-turbo-preview")) return
  pulling = true
  wanted = false
  startedAt = now()
  const before = new Map(announced)
  let failed = false
  try {
    for (const place of places()) failed = !(await look(place)) || failed
  } catch (error) {
    failed = true
    console.error(error)
  }
  pulling = false
  const newer = [...announced].some(([run, version]) => version !== before.get(run))
  if (failed) wanted = true
  delay = failed || (behind() && !newer) ? Math.min(Math.max(delay * 2, failed ? 1000 : APART_MS), LONGEST_MS) : 0
  schedule()
}

// The page's own address, and those of the frames that have regions.
function places() {
  const all = new Map()
  for (const region of regions().filter((region) => outer(region) && !missing.has(region))) {
    const frame = region.closest("turbo-frame[src]")
    const url = frame ? frame.src : location.href
    if (!all.has(url)) all.set(url, { url, frame, regions: [] })
    all.get(url).regions.push(region)
  }
  return all.values()
}

// Returns whether there was an answer that counts.
async function look({ url, frame, regions }) {
  const started = now(), rendered = renders
  const abort = new AbortController()
  const timeout = setTimeout(() => abort.abort(), TIMEOUT_MS)
  let response, text
  try {
    const headers = { Accept: "text/html, application/xhtml+xml", ...(frame?.id && { "Turbo-Frame": frame.id }) }
    response = await fetch(url, { credentials: "same-origin", cache: "no-store", headers, signal: abort.signal })
    if (response.status >= 500 || response.status === 429) return false
    text = await response.text()
  } catch {
    return await ledElsewhere(url, abort.signal)
  } finally {
    clearTimeout(timeout)
  }
  if (renders !== rendered) return (wanted = true) // Turbo has rendered meanwhile: what this found may be older
  const html = response.headers.get("content-type")?.includes("html") && new DOMParser().parseFromString(text, "text/html")
  sort(regions.filter((region) => region.isConnected), html, { response, url, frame, started })
  return true
}

// Another site's page, which a script may not read: somebody has to sign in there.
async function ledElsewhere(url, signal) {
  try {
    const response = await fetch(url, { credentials: "same-origin", cache: "no-store", redirect: "manual", signal })
    if (response.type === "opaqueredirect") leave(url, true)
    return response.type === "opaqueredirect"
  } catch {
    return false
  }
}

function sort(mine, html, { response, url, frame, started }) {
  const found = new Map(mine.map((region) => [region, html ? html.getElementById(region.id) : null]))
  const lost = mine.filter((region) => !found.get(region)?.matches(REGION))
  if (lost.length && !frame && (lost.length === mine.length || response.redirected || [401, 403, 404, 410].includes(response.status)))
    return leave(response.redirected ? response.url : url)
  for (const region of mine) {
    if (lost.includes(region)) mark(region)
    else accept(region, found.get(region), started)
  }
  for (const region of mine.flatMap((region) => regions(region))) { // nested ones of other runs, of a newer version than theirs around
    const fresh = html?.getElementById(region.id)
    if (fresh?.matches(REGION)) accept(region, fresh, started)
  }
}

function mark(region) {
  missing.add(region)
  region.setAttribute("data-workflow-stale", "")
}

// Versions only grow, but where the log itself went back: whoever asked after the region was as it is, was told the truth.
function accept(region, fresh, started, equal = false) {
  const shown = stampOf(region)
  const run = fresh.dataset.workflowRun, version = Number(fresh.dataset.version)
  renew(region, fresh)
  const late = started < shown.at
  if (run === shown.run ? version < shown.version && late : late && run < shown.run) return
  const elsewhere = !late && otherMark(held.get(region) ?? region, fresh.dataset.workflowMark)
  if (run === shown.run && version === shown.version && !elsewhere && (held.has(region) || !(shown.again || equal))) return
  if ([...sending].some((form) => region.contains(form))) return // its answer says what is to be seen
  if (losesTyping(region, fresh)) return hold(region, fresh)
  replace(region, fresh)
}

function replace(region, fresh) {
  const before = stampOf(region)
  held.delete(region)
  dropInert(fresh)
  morph(region, fresh)
  const stamp = { run: region.dataset.workflowRun, version: Number(region.dataset.version), at: now() }
  stamp.again = region.hasAttribute("data-workflow-again") && !(before.again && before.run === stamp.run && before.version === stamp.version)
  stamps.set(region, stamp)
  region.removeAttribute("data-workflow-held")
  region.removeAttribute("data-workflow-stale")
  tell(region, "workflow:update", region)
  leadOn()
}

function tell(region, name, { dataset }) {
  const detail = { run: dataset.workflowRun, version: Number(dataset.version), state: dataset.state }
  region.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }))
}

// Scripts have run when the page came; what is for browsers without scripting would take effect when it is put in.
function dropInert(root) {
  root.querySelectorAll("noscript, script").forEach((element) => element.remove())
}

// --- Streams

function sourcesOf(run) {
  return [...document.querySelectorAll(SOURCE)].filter((source) => source.closest(REGION)?.dataset.workflowRun === run)
}

// A source stays where it is. Its name has changed once an hour, or after the stream was over: another takes its place.
function renew(region, fresh) {
  const source = region.querySelector(SOURCE), offered = fresh.querySelector(SOURCE)
  if (!source || !offered) return
  const name = "signed-stream-name"
  const over = unheardSince !== undefined && now() - unheardSince > UNHEARD_MS && !source.hasAttribute("connected")
  if (source.getAttribute(name) !== offered.getAttribute(name) || over) source.replaceWith(document.importNode(offered))
}

// --- What people typed

const fieldsOf = (root) => [...root.querySelectorAll("input, textarea, select, [contenteditable]")]

function dirty(field) {
  if (sent.has(field.form)) return false
  if (field.matches("select")) return choices(field).some((option) => option.selected !== chosenFirst(field, option))
  if (!field.matches("input, textarea")) return typed.has(field)
  switch (field.type) {
    case "hidden": case "submit": case "button": case "reset": case "image": return false
    case "checkbox": case "radio": return field.checked !== field.defaultChecked
    case "file": return field.files.length > 0
    default: return field.value !== field.defaultValue
  }
}

const choices = (select) => [...select.options]

// Whether an option is chosen as long as nobody has chosen: of a list without any it is the first that can be.
function chosenFirst(select, option) {
  const all = choices(select)
  if (select.multiple || select.size > 1) return option.defaultSelected
  const chosen = all.filter((other) => other.defaultSelected).pop() ?? all.find((other) => !other.disabled)
  return option === chosen
}

function counterpart(field, fresh) {
  const same = fieldsOf(fresh).filter((other) => alike(field, other))
  if (field.id) return same[0]
  return same[fieldsOf(field.closest(REGION)).filter((other) => alike(field, other)).indexOf(field)]
}

function alike(field, other) {
  if (field.nodeName !== other.nodeName || field.id !== other.id || field.type !== other.type || field.name !== other.name) return false
  return !["checkbox", "radio"].includes(field.type) || field.value === other.value
}

function losesTyping(region, fresh) {
  return fieldsOf(region).filter(dirty).some((field) => {
    const other = counterpart(field, fresh)
    if (!other) return true
    return field.matches("select") && [...field.selectedOptions].some((option) => !choices(other).some(({ value }) => value === option.value))
  })
}

// The region stays as it is, says that there is something newer, and lets the person decide.
function hold(region, fresh) {
  const before = held.get(region)
  held.set(region, fresh)
  if (!region.hasAttribute("data-workflow-held")) {
    region.setAttribute("data-workflow-held", "")
    region.append(notice(region))
  }
  if (before?.dataset.version !== fresh.dataset.version) tell(region, "workflow:held", fresh)
}

function notice(region) {
  const element = document.createElement("div"), text = document.createElement("span"), button = document.createElement("button")
  element.className = "workflow-notice"
  element.setAttribute("role", "status")
  text.textContent = region.dataset.workflowNotice ?? "There is something new here. What you typed has been kept."
  button.type = "button"
  button.textContent = region.dataset.workflowShow ?? "Show what is new"
  button.addEventListener("click", () => held.has(region) && replace(region, held.get(region)))
  element.append(text, " ", button)
  return element
}

// What is typed elsewhere on the page would be lost by leaving it.
function unsaved() {
  return fieldsOf(document).some((field) => (typed.has(field) || field.closest(REGION)) && dirty(field))
}

function typing({ target, isTrusted }) {
  const field = target.closest?.("input, textarea, select, [contenteditable]")
  if (field && isTrusted) {
    typed.add(field)
    sent.delete(field.form)
  }
  settle()
}

// Somebody has taken back what they typed: what waited for that can come.
function settle() {
  for (const region of regions()) {
    if (held.has(region) && !losesTyping(region, held.get(region))) replace(region, held.get(region))
  }
  if (leaving && !unsaved()) go(leaving)
}

function submitted({ target, detail }) {
  sending.delete(target)
  if (detail.success) sent.add(target)
  schedule()
}

// --- Going on to another page

function leave(url, elsewhere = false) {
  leaving = { url, elsewhere }
  if (unsaved()) return regions().forEach((region) => region.setAttribute("data-workflow-stale", ""))
  go(leaving)
}

function go({ url, elsewhere }) {
  leaving = undefined
  left = true
  setTimeout(() => { left = false; schedule() }, LATER_POLL_MS) // the page is still there: the visit was stopped
  if (turbo() && !elsewhere) turbo().visit(url, { action: "replace" })
  else location.replace(url)
}

// visit_when: a region says that it is over and where it goes on.
function leadOn() {
  if (document.documentElement.hasAttribute("data-turbo-preview")) return
  const mark = document.querySelector(`${REGION} [data-workflow-visit]`)
  if (!mark || left) return
  const url = new URL(mark.dataset.workflowVisit, location.href)
  if (["http:", "https:"].includes(url.protocol) && url.href !== location.href) leave(url.href)
}

// --- Changing a region into another one, with as little change as can be: nodes that stay are not touched.

function morph(region, fresh) {
  const fields = fieldsOf(region).filter((field) => dirty(field) || field === document.activeElement)
    .map((field) => ({ field, other: counterpart(field, fresh), state: stateOf(field) })).filter(({ other }) => other)
  const pins = new Map(), became = new Map()
  keepSource(region, fresh, pins)
  fields.forEach(({ field, other }) => pin(field, other, region, fresh, pins))
  region.querySelectorAll("[data-turbo-permanent][id]").forEach((element) => {
    const other = fresh.querySelector(`#${CSS.escape(element.id)}`)
    if (other) pin(element, other, region, fresh, pins)
  })
  morphAttributes(region, fresh)
  morphChildren(region, fresh, pins, became)
  fields.forEach(({ field, other, state }) => became.get(other) === field || restore(became.get(other) ?? other, state))
}

// The stream goes on while what is around it changes.
function keepSource(region, fresh, pins) {
  const source = region.querySelector(SOURCE)
  if (!source) return
  let other = fresh.querySelector(SOURCE)
  if (!other) {
    const shell = source.parentNode === region ? source : source.parentNode
    fresh.prepend(shell.cloneNode(true))
    dropInert(fresh)
    other = fresh.querySelector(SOURCE)
  }
  pin(source, other, region, fresh, pins)
}

// Both, and what is around both up to the region, are to stay each other's.
function pin(node, other, region, fresh, pins) {
  const pairs = []
  while (node !== region && other !== fresh) {
    if (node.nodeName !== other.nodeName || (pins.has(other) && pins.get(other) !== node)) return
    pairs.push([other, node])
    node = node.parentNode
    other = other.parentNode
  }
  if (node === region && other === fresh) pairs.forEach(([other, node]) => pins.set(other, node))
}

function morphChildren(parent, fresh, pins, became) {
  const kept = match([...parent.childNodes], [...fresh.childNodes], pins)
  let at = parent.firstChild
  for (const node of [...fresh.childNodes]) {
    const old = kept.get(node)
    if (!old) {
      parent.insertBefore(node, at)
      continue
    }
    while (at !== old) at = remove(at)
    morphNode(old, node, pins, became)
    at = old.nextSibling
  }
  while (at) at = remove(at)
}

function remove(node) {
  const next = node.nextSibling
  node.remove()
  return next
}

// Which of the old nodes become which of the new ones: in the same order, so that none has to be moved (and lose the focus).
function match(olds, news, pins) {
  const kept = new Map(), pinned = new Set(pins.values())
  const fixed = []
  news.forEach((node, index) => {
    const place = olds.indexOf(pins.get(node))
    if (place > (fixed.at(-1)?.place ?? -1)) fixed.push({ index, place })
  })
  fixed.push({ index: news.length, place: olds.length })
  let from = 0, at = 0
  for (const { index, place } of fixed) {
    for (const node of news.slice(from, index)) {
      const found = olds.findIndex((old, here) => here >= at && here < place && !pinned.has(old) && similar(old, node))
      if (found < 0) continue
      kept.set(node, olds[found])
      at = found + 1
    }
    if (index < news.length) kept.set(news[index], olds[place])
    from = index + 1
    at = place + 1
  }
  return kept
}

function similar(node, other) {
  if (node.nodeName !== other.nodeName) return false
  if (node.nodeType !== Node.ELEMENT_NODE) return true
  return node.id === other.id && node.getAttribute("name") === other.getAttribute("name") && node.getAttribute("type") === other.getAttribute("type")
}

function morphNode(node, fresh, pins, became) {
  became.set(fresh, node)
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== fresh.data) node.data = fresh.data
    return
  }
  if (node.matches(SOURCE) || (node.id && node.hasAttribute("data-turbo-permanent"))) return
  const field = node.matches("input, textarea, select, [contenteditable]"), kept = field && dirty(node)
  if (kept && node.isContentEditable) return
  const state = kept && stateOf(node)
  if (!node.isEqualNode(fresh) || pins.has(fresh)) {
    morphAttributes(node, fresh)
    if (!node.matches("textarea") || node.defaultValue !== fresh.defaultValue) morphChildren(node, fresh, pins, became)
  }
  if (kept) restore(node, state, false)
  else if (field) follow(node, fresh)
}

function morphAttributes(element, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value)
  }
  for (const { name } of [...element.attributes]) {
    const opened = name === "open" && element.matches("details, dialog") // by the person
    if (!fresh.hasAttribute(name) && !opened) element.removeAttribute(name)
  }
}

// A field that nobody has changed shows what the new one would.
function follow(field, fresh) {
  if (field.matches("select")) choices(field).forEach((option) => { const wish = chosenFirst(field, option); if (option.selected !== wish) option.selected = wish })
  else if (["checkbox", "radio"].includes(field.type)) field.checked = fresh.defaultChecked
  else if (field.matches("input, textarea") && field.type !== "file" && field.value !== field.defaultValue) field.value = field.defaultValue
}

function stateOf(field) {
  const focused = field === document.activeElement
  const caret = focused && "selectionStart" in field && field.selectionStart !== null && [field.selectionStart, field.selectionEnd, field.selectionDirection]
  const selected = field.matches("select") && [...field.selectedOptions].map(({ value }) => value)
  return { focused, caret, selected, value: field.value, checked: field.checked, changed: dirty(field), typed: typed.has(field) }
}

function restore(field, { focused, caret, selected, value, checked, changed, typed: was }, refocus = true) {
  if (was) typed.add(field)
  if (changed) {
    if (selected) choices(field).forEach((option) => { if (option.selected !== selected.includes(option.value)) option.selected = !option.selected })
    else if (["checkbox", "radio"].includes(field.type)) field.checked = checked
    else if (field.matches("input, textarea") && field.type !== "file" && field.value !== value) field.value = value
  }
  if (!focused || !refocus) return
  field.focus({ preventScroll: true })
  if (caret) field.setSelectionRange(...caret)
}

// --- When to look

// Never what is older than what is shown. A copy of it goes into what is about to be shown.
function guard(root) {
  for (const fresh of regions(root)) {
    const shown = fresh.id && document.getElementById(fresh.id)
    if (!shown?.matches(REGION) || shown.dataset.workflowRun !== fresh.dataset.workflowRun) continue
    if (Number(fresh.dataset.version) < Number(shown.dataset.version)) fresh.replaceWith(copy(shown))
  }
  root.querySelectorAll(SOURCE).forEach((source) => source.removeAttribute("connected"))
  regions(root).forEach((region) => region.querySelectorAll("noscript").forEach((element) => element.remove()))
}

function copy(region) {
  const twin = region.cloneNode(true), fields = fieldsOf(twin)
  fieldsOf(region).forEach((field, index) => restore(fields[index], stateOf(field), false))
  return twin
}

function rendering(root) {
  renders += 1
  guard(root)
}

function streamed(event) {
  const stream = event.target
  if (stream.getAttribute?.("action") === "workflow") {
    event.preventDefault()
    announce(stream.dataset)
  } else if (stream.templateElement) {
    rendering(stream.templateElement.content)
  }
}

// Turbo changes the page into a newer one: its regions by our rules, which keep what was typed.
function morphing(event) {
  const { target, detail } = event
  if (!target.matches?.(REGION) || !detail?.newElement?.matches?.(REGION)) return
  event.preventDefault()
  accept(target, detail.newElement.cloneNode(true), -Infinity, true)
}

function tick() {
  const open = regions().filter(({ dataset }) => dataset.workflowRun && !ENDED.includes(dataset.state))
  if (open.every(({ dataset }) => sourcesOf(dataset.workflowRun).some((source) => source.hasAttribute("connected")))) return (unheardSince = undefined)
  unheardSince ??= now()
  const alone = now() - unheardSince, apart = alone > LONG_ALONE_MS ? LATER_POLL_MS : POLL_MS
  if (!document.hidden && alone > ALONE_MS && now() - startedAt > apart) want()
}

function heal() {
  delay = 0
  if (regions().length) want()
}

function arrived() {
  left = false
  regions().forEach(stampOf)
  if (visit === "restore") heal()
  visit = undefined
  leadOn()
  schedule()
}

function listen(names, handler, target = document) {
  names.split(" ").forEach((name) => target.addEventListener(name, handler))
}

function begin() {
  if (window.workflowLive) return
  window.workflowLive = true
  listen("turbo:before-stream-render", streamed)
  listen("turbo:before-morph-element", morphing)
  listen("turbo:before-render", ({ detail }) => rendering(detail.newBody))
  listen("turbo:before-frame-render", ({ detail }) => rendering(detail.newFrame))
  listen("turbo:visit", ({ detail }) => { visit = detail.action })
  listen("turbo:render turbo:frame-load", () => { renders += 1; regions().forEach(stampOf); schedule() })
  listen("turbo:load", arrived)
  listen("input change", typing)
  listen("reset", () => setTimeout(settle))
  listen("turbo:submit-start", ({ target }) => sending.add(target))
  listen("turbo:submit-end", submitted)
  listen("visibilitychange", () => { if (!document.hidden && regions().some(({ dataset }) => !ENDED.includes(dataset.state))) heal() })
  listen("resume", heal)
  listen("online", heal, window)
  listen("pageshow", ({ persisted }) => { if (persisted) { left = false; heal() } }, window)
  new MutationObserver(disconnected).observe(document, { subtree: true, attributeFilter: ["connected"] })
  setInterval(tick, TICK_MS)
  if (turbo()?.StreamActions) turbo().StreamActions.workflow = function () { announce(this.dataset) }
  arrived()
  const back = performance.getEntriesByType?.("navigation")[0]?.type === "back_forward"
  if (back || document.querySelector(`${SOURCE}[connected]`)) heal() // something may have been said before this listened
}

begin()
