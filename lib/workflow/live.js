// Keeps the regions of a page true: the elements that workflow_for and its like made, each stamped with the version of the run
// that it shows. A message says only that a run is at a version; this asks for the page's own address then, as the person who
// looks, and takes nothing but the regions out of the answer. Works with Turbo, and by asking now and then without it.
// Reading order: announce, pull, look, accept, replace; then what people typed; then when to look.

const REGION = "[data-workflow-run]"
const SOURCE = "turbo-cable-stream-source[channel='Workflow::StreamChannel']"
const ENDED = ["done", "expired", "cancelled"]
const LOOK = { "X-Workflow-Look": "1" } // nobody has come, the page asks
const APART_MS = 250          // between the starts of two looks
const TICK_MS = 500
const ALONE_MS = 1500         // without a stream for so long: ask now and then
const POLL_MS = 2500          // so that what is new is seen within 5 s: Action Cable takes up to 18 s until it connects again
const LONG_ALONE_MS = 60000   // and more seldom after so long
const LATER_POLL_MS = 5000
const START_POLL_MS = 10000   // what has not begun has no stream: ask so often whether it has
const UNHEARD_MS = 6000       // without a stream for so long, its name may have run out
const PATIENCE_MS = 15000     // with an answer; after each that did not come in time twice as long
const LONGEST_PATIENCE_MS = 60000
const LONGEST_MS = 30000      // between two looks when they fail
const ANSWERED = "answered", OVERTAKEN = "overtaken", FAILED = "failed" // what becomes of a look
const DROPPED = "dropped"     // why a look is ended before its answer has come
const LAST = 50               // as many copies are kept
const DEPART_MS = 30000       // a form that the browser sends itself has led to no other page: it brought a file, or nothing
const THAW_MS = 2000           // so long a visit of Turbo's has to go on, once the page is no longer frozen
const HASTE = 0.7 + Math.random() * 0.3 // of waiting: or pages that have lost the same server would all ask it in step

const stamps = new WeakMap()  // region -> { run, version, at, again }: what it shows, and since when
const held = new WeakMap()    // region -> the newer one that somebody's typing keeps out
const missing = new WeakSet() // regions that the page no longer has, while it has others
const typed = new WeakSet()   // fields that somebody has typed in
const reclaimed = new WeakSet() // fields that came back filled in
const sending = new Set()     // forms that are on their way
const sent = new WeakSet()    // forms that have arrived: what is typed in them is not lost
const announced = new Map()   // run -> version
const last = new Map()        // place, name and run -> a copy of the region that was last shown so, of those that the page has left
const given = new WeakMap()   // turbo-frame -> the address that its region's markup gave it: Turbo puts in where it has gone to since

const renewed = new Map()     // name of a stream -> { at, apart }: when it was asked for again, and when it may be next

let wanted = false, pulling = false, timer, startedAt = -Infinity, looking
let failing = 0, stuck = 0    // how long to wait for the next look: since looks fail; since what they find is still behind
let patience = PATIENCE_MS
let unheardSince, leaving, left = false, staying, visit, home, departing

const now = () => performance.now()
const regions = (root = document) => [...root.querySelectorAll(REGION)]
const outer = (region) => !region.parentElement?.closest(`${REGION}, turbo-frame[src]`)?.matches(REGION)
const turbo = () => window.Turbo

// Of the moment that it was first seen with that version.
function stampOf(region) {
  const run = region.dataset.workflowRun, version = Number(region.dataset.version)
  let stamp = stamps.get(region)
  if (stamp?.run !== run || stamp.version !== version) {
    stamp = { run, version, at: now(), again: region.hasAttribute("data-workflow-again") }
    stamps.set(region, stamp)
    learn(region)
  }
  return stamp
}

// What a run's stream says. Lower than ever before, or the same with another mark: the log was restored from a copy, and the page
// is of its lost part.
function announce({ run, version, mark, reset }) {
  const before = announced.get(run)
  announced.set(run, Number(version))
  if (before === undefined) failing = 0 // the server is there
  if (before !== Number(version)) stuck = 0
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
    if (target.matches(SOURCE) && !target.hasAttribute("connected")) forgetNews(target.closest(REGION)?.dataset.workflowRun)
  }
}

// What was said already is looked for all the same: another source of the run has no reason to say it again.
function forgetNews(run) {
  if (regions().some((region) => region.dataset.workflowRun === run && isBehind(region))) want()
  announced.delete(run)
}

const behind = () => regions().some(isBehind)

function isBehind(region) {
  const { run, version, again } = stampOf(region)
  const offered = held.get(region)
  const seen = offered?.dataset.workflowRun === run ? Math.max(version, Number(offered.dataset.version)) : version
  return !missing.has(region) && ((again && !offered) || announced.get(run) > seen)
}

function want() {
  wanted = true
  schedule()
}

function schedule() {
  if (pulling || left || submitting() || !(wanted || behind())) return
  const wait = startedAt + Math.max(APART_MS, failing * HASTE, stuck * HASTE) - now()
  clearTimeout(timer)
  if (wait <= 0) pull()
  else timer = setTimeout(pull, wait)
}

// Of a session that a submission is about to change, an answer would bring back what it was before.
const submitting = () => departing?.changes || [...sending].some((form) => form.isConnected)

// Unless what was to follow it was given up.
const previewing = () => document.documentElement.hasAttribute("data-turbo-preview") && !!turbo()?.navigator?.currentVisit

// One at a time a page. When it is done and something newer was announced meanwhile, it looks again; when it failed, later and later.
async function pull() {
  if (pulling || left || submitting() || previewing()) return
  const all = wanted // or only where something is known to be newer
  pulling = true
  wanted = false
  startedAt = now()
  const before = new Map(announced), outcomes = new Set()
  try {
    for (const place of places(all)) {
      if (left) break // for where one signs in, say, which is to lead back to this page and not to a part of it
      outcomes.add(submitting() ? OVERTAKEN : await look(place))
    }
  } catch (error) {
    outcomes.add(FAILED)
    console.error(error)
  }
  pulling = false
  if (outcomes.has(OVERTAKEN) || (outcomes.has(FAILED) && all)) wanted = true
  failing = outcomes.has(FAILED) ? later(failing, 1000) : 0
  stuck = !wanted && !newsSince(before) && behind() ? later(stuck, APART_MS) : 0
  schedule()
}

const later = (wait, first) => Math.min(Math.max(wait * 2, first), LONGEST_MS)
const newsSince = (before) => [...announced].some(([run, version]) => version !== before.get(run))

// The address that the page came from, those of the frames that have regions, and those that regions name themselves.
function places(wholly) {
  const all = new Map()
  for (const region of regions().filter(outer)) {
    const src = region.dataset.workflowSrc, frame = !src && region.closest("turbo-frame[src]")
    const url = src ? addressed(src) : frame ? frame.src : home
    const key = `${frame ? frame.id : ""} ${url}` // what a frame is given is not what the page is given
    if (!all.has(key)) all.set(key, { url, frame, regions: [] })
    all.get(key).regions.push(region)
  }
  return [...all.values()].filter((place) => place.regions.some((region) => !missing.has(region) && (wholly || [region, ...nestedIn(region)].some(isBehind))))
}

// Those inside that come with it.
const nestedIn = (region) => regions(region).filter((other) => !outer(other))

// What is no address is taken for the page's own.
function addressed(src) {
  try {
    return new URL(src, location.href).href
  } catch {
    return home
  }
}

// @return what became of it
async function look({ url, frame, regions }) {
  const started = now(), abort = looking = new AbortController()
  const timeout = setTimeout(() => { patience = Math.min(patience * 2, LONGEST_PATIENCE_MS); abort.abort() }, patience)
  let response, text
  try {
    const headers = { Accept: "text/html, application/xhtml+xml", ...LOOK, ...(frame?.id && { "Turbo-Frame": frame.id }) }
    response = await fetch(url, { credentials: "same-origin", cache: "no-store", headers, signal: abort.signal })
    if (response.status >= 500 || response.status === 429) return refused(response)
    text = await response.text()
  } catch {
    if (submitting() || abort.signal.reason === DROPPED) return OVERTAKEN
    return await ledElsewhere(url, abort.signal) ? ANSWERED : FAILED
  } finally {
    clearTimeout(timeout)
  }
  if (abort.signal.aborted) return OVERTAKEN // Turbo has rendered regions meanwhile: what this found may be older
  patience = PATIENCE_MS
  const html = response.headers.get("content-type")?.includes("html") && new DOMParser().parseFromString(text, "text/html")
  sort(regions.filter((region) => region.isConnected), html, { response, url, frame, started })
  return ANSWERED
}

function refused(response) {
  response.body?.cancel().catch(() => {}) // or it would keep its connection
  return FAILED
}

// Another site's page, which a script may not read: somebody has to sign in there.
async function ledElsewhere(url, signal) {
  try {
    const response = await fetch(url, { credentials: "same-origin", cache: "no-store", redirect: "manual", headers: LOOK, signal })
    if (response.type === "opaqueredirect") leave(url, true)
    return response.type === "opaqueredirect"
  } catch {
    return false
  }
}

function sort(mine, html, { response, url, frame, started }) {
  const found = new Map(mine.map((region) => [region, html ? partner(region, html) : null]))
  const lost = mine.filter((region) => !found.get(region)?.matches(REGION))
  if (lost.length && !frame && lost.every(leads) && (lost.length === mine.length || response.redirected || [401, 403, 404, 410].includes(response.status)))
    return leave(response.redirected ? response.url : url)
  if (!lost.length) leaving = undefined
  const nested = mine.flatMap(nestedIn).map((region) => [region, html?.getElementById(region.id)]) // before parts of html go into the page
  for (const region of mine) {
    if (lost.includes(region)) mark(region)
    else take(region, found.get(region), started)
  }
  for (const [region, fresh] of nested) { // of other runs, of a newer version than theirs around
    if (fresh?.matches(REGION)) take(region, fresh, started)
    else if (region.isConnected) mark(region)
  }
}

function take(region, fresh, started) {
  missing.delete(region)
  region.removeAttribute("data-workflow-stale")
  accept(region, fresh, started)
}

// What has its id, unless that shows another run now while this one's is there as well.
function partner(region, html) {
  const named = html.getElementById(region.id) ?? html.getElementById(baseOf(region)), run = region.dataset.workflowRun
  if (!named?.matches(REGION) || named.dataset.workflowRun === run) return named
  const name = baseOf(region)
  return regions(html).find((other) => other.dataset.workflowRun === run && baseOf(other) === name) ?? named
}

const baseOf = (region) => region.dataset.workflowBase ?? region.id

// Whether the page is to be left where its address has the region no more. Not if it never had it: what answers a form, and
// what a stream or a script has put in.
const leads = (region) => region.dataset.workflowAt === new URL(home).pathname && !region.dataset.workflowSrc
const answers = (region) => region.hasAttribute("data-workflow-answer")

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
  keepPlace(region, fresh)
  morph(region, fresh)
  const stamp = { run: region.dataset.workflowRun, version: Number(region.dataset.version), at: now() }
  stamp.again = region.hasAttribute("data-workflow-again") && !(before.again && before.run === stamp.run && before.version === stamp.version)
  stamps.set(region, stamp)
  learn(region)
  region.removeAttribute("data-workflow-held")
  region.removeAttribute("data-workflow-stale")
  tell(region, "workflow:update", region)
  leadOn()
}

function tell(region, name, { dataset }) {
  const detail = { run: dataset.workflowRun, version: Number(dataset.version), state: dataset.state }
  region.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }))
}

// What it is called and asked for by on this page, whatever it is elsewhere.
function keepPlace(region, fresh) {
  fresh.id = region.id
  for (const name of ["workflowSrc", "workflowBase"]) {
    if (region.dataset[name] === undefined) delete fresh.dataset[name]
    else fresh.dataset[name] = region.dataset[name]
  }
}

// Scripts have run when the page came; what is for browsers without scripting would take effect when it is put in.
function dropInert(root) {
  root.querySelectorAll("noscript, script").forEach((element) => element.remove())
}

// --- Streams

function sourcesOf(run) {
  return [...document.querySelectorAll(SOURCE)].filter((source) => source.closest(REGION)?.dataset.workflowRun === run)
}

const sourceOf = (region) => [...region.querySelectorAll(SOURCE)].find((source) => source.closest(REGION) === region)

// A source stays where it is. Its name has changed once an hour, or after the stream was over: another takes its place.
function renew(region, fresh) {
  const source = sourceOf(region), offered = sourceOf(fresh)
  if (!source || !offered) return
  const name = "signed-stream-name"
  const over = unheardSince !== undefined && now() - unheardSince > UNHEARD_MS && !source.hasAttribute("connected")
  if (source.getAttribute(name) !== offered.getAttribute(name) || (over && mayAskAgain(source.getAttribute(name)))) {
    source.replaceWith(document.importNode(offered))
  }
}

// One that is refused for good is not asked for again and again.
function mayAskAgain(name) {
  const { at, apart } = renewed.get(name) ?? { at: -Infinity, apart: UNHEARD_MS }
  if (now() - at < apart) return false
  renewed.set(name, { at: now(), apart: Math.min(apart * 2, LONG_ALONE_MS * 5) })
  return true
}

// --- Frames

const framesOf = (region) => [...region.querySelectorAll("turbo-frame[id]")]

function learn(region) {
  framesOf(region).filter((frame) => !given.has(frame)).forEach((frame) => given.set(frame, addressOf(frame)))
}

function addressOf(frame) {
  const link = document.createElement("a"), src = frame.getAttribute("src")
  if (src !== null) link.href = src
  return link.href
}

// What a frame has loaded is its own, until it is given another address than before.
const stays = (frame, other) => frame.id === other.id && frame.hasAttribute("src") && [undefined, addressOf(other)].includes(given.get(frame))

// Each with its place in the new content.
function framesThatStay(region, fresh) {
  return framesOf(region).map((frame) => [frame, fresh.querySelector(`turbo-frame#${CSS.escape(frame.id)}`)])
    .filter(([frame, other]) => other && stays(frame, other) && paired(frame, other, region, fresh).length)
}

// --- What people typed

function fieldsOf(root, without = []) {
  return [...root.querySelectorAll("input, textarea, select, [contenteditable]")].filter((field) => !without.some((frame) => frame.contains(field)))
}

function dirty(field) {
  if (sent.has(field.form)) return false
  if (field.matches("select")) return choices(field).some((option) => option.selected !== chosenFirst(field, option))
  if (!field.matches("input, textarea")) return typed.has(field)
  switch (field.type) {
    case "hidden": case "submit": case "button": case "reset": case "image": return false
    case "checkbox": case "radio": return field.checked !== field.defaultChecked
    case "file": return field.files.length > 0
    default: return field.validity.badInput || field.value !== untouched(field)
  }
}

// What it has as long as nobody has typed. Of some types that is not what the markup says: a slider without a value stands in the
// middle, a time ends where its seconds are none.
function untouched(field) {
  if (!field.matches("input") || field.value === field.defaultValue) return field.defaultValue
  const probe = document.createElement("input")
  for (const name of ["type", "min", "max", "step", "multiple", "value"]) {
    if (field.hasAttribute(name)) probe.setAttribute(name, field.getAttribute(name))
  }
  return probe.value
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
  const region = field.closest(REGION), frames = framesThatStay(region, fresh).flat()
  const same = fieldsOf(fresh, frames).filter((other) => alike(field, other))
  return same[fieldsOf(region, frames).filter((other) => alike(field, other)).indexOf(field)]
}

function alike(field, other) {
  if (field.nodeName !== other.nodeName || field.id !== other.id || field.type !== other.type || field.name !== other.name) return false
  return !["checkbox", "radio"].includes(field.type) || field.value === other.value
}

function losesTyping(region, fresh) {
  return fieldsOf(region, framesThatStay(region, fresh).flat()).filter(dirty).some((field) => {
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

// What comes back with the answer to a form is somebody's text still, and nobody has it but this page.
function reclaim() {
  regions().filter(answers).flatMap((region) => fieldsOf(region)).filter((field) => !reclaimed.has(field)).forEach((field) => {
    reclaimed.add(field)
    if (field.matches("select")) {
      const chosen = choices(field).map((option) => option.selected)
      choices(field).forEach((option, index) => { option.defaultSelected = false; option.selected = chosen[index] })
    } else if (["checkbox", "radio"].includes(field.type)) {
      const checked = field.checked
      field.defaultChecked = false
      field.checked = checked
    } else if (field.matches("input, textarea") && !["hidden", "submit", "button", "reset", "image", "file"].includes(field.type)) {
      const value = field.value
      field.defaultValue = ""
      field.value = value
    }
  })
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

function submits({ target }) {
  sending.add(target)
  looking?.abort()
}

// Turbo tells the document of a form that is no longer in it.
function submitted({ target, detail }) {
  const form = detail.formSubmission?.formElement ?? target
  sending.delete(form)
  if (detail.success) sent.add(form)
  schedule()
}

// What the browser sends itself, when all who listen have left it alone.
function departs(event) {
  setTimeout(() => {
    if (event.defaultPrevented || !goesHere(event)) return
    clearTimeout(departing?.timer)
    departing = { timer: setTimeout(stayed, DEPART_MS), changes: said(event, "method")?.toLowerCase() === "post" }
    if (departing.changes) looking?.abort()
  })
}

const said = ({ target, submitter }, name) => submitter?.getAttribute(`form${name}`) ?? target.getAttribute(name)

function goesHere(event) {
  const to = said(event, "target") ?? document.querySelector("base[target]")?.target ?? ""
  return said(event, "method")?.toLowerCase() !== "dialog" && (to === window.name || ["", "_self", "_parent", "_top"].includes(to.toLowerCase()))
}

function stayed() {
  if (departing === undefined) return
  clearTimeout(departing.timer)
  departing = undefined
  settle()
  schedule()
}

// --- Going on to another page

function leave(url, elsewhere = false) {
  leaving = { url, elsewhere }
  if (unsaved()) return regions().forEach((region) => region.setAttribute("data-workflow-stale", ""))
  go(leaving)
}

function go({ url, elsewhere }) {
  if (departing !== undefined) return // for another page already
  leaving = undefined
  left = true
  clearTimeout(staying)
  staying = setTimeout(() => { left = false; want() }, LATER_POLL_MS) // the page is still there: the visit was stopped
  if (turbo() && !elsewhere) turbo().visit(url, { action: "replace" })
  else if (url.includes("#") && sameDocument(url, location.href)) location.reload() // which replace() would only scroll
  else location.replace(url)
}

const sameDocument = (url, other) => url.split("#")[0] === other.split("#")[0]

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
  const frames = framesThatStay(region, fresh)
  const fields = fieldsOf(region, frames.flat()).filter((field) => dirty(field) || field === document.activeElement)
    .map((field) => ({ field, other: counterpart(field, fresh), state: stateOf(field) })).filter(({ other }) => other)
  const pins = new Map(), became = new Map()
  keepSource(region, fresh, pins)
  frames.forEach(([frame, other]) => pin(frame, other, region, fresh, pins))
  fields.forEach(({ field, other }) => pin(field, other, region, fresh, pins))
  region.querySelectorAll("[data-turbo-permanent][id]").forEach((element) => {
    const other = fresh.querySelector(`#${CSS.escape(element.id)}`)
    if (other) pin(element, other, region, fresh, pins)
  })
  morphChildren(region, fresh, pins, became)
  morphAttributes(region, fresh) // its version with the rest: not before all else is as that has it
  fields.forEach(({ field, other, state }) => became.get(other) === field || restore(became.get(other) ?? other, state))
}

// The stream goes on while what is around it changes.
function keepSource(region, fresh, pins) {
  const source = sourceOf(region)
  if (!source) return
  let other = sourceOf(fresh)
  if (!other) {
    const shell = source.parentNode === region ? source : source.parentNode
    fresh.prepend(shell.cloneNode(true))
    dropInert(fresh)
    other = sourceOf(fresh)
  }
  pin(source, other, region, fresh, pins)
}

// Both, and what is around both up to the region, are to stay each other's.
function pin(node, other, region, fresh, pins) {
  const pairs = paired(node, other, region, fresh)
  if (pairs.every(([other, node]) => !pins.has(other) || pins.get(other) === node)) pairs.forEach(([other, node]) => pins.set(other, node))
}

// None where they are not alike all the way up.
function paired(node, other, region, fresh) {
  const pairs = []
  while (node !== region && other !== fresh) {
    if (node.nodeName !== other.nodeName) return []
    pairs.push([other, node])
    node = node.parentNode
    other = other.parentNode
  }
  return node === region && other === fresh ? pairs : []
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
  if (node.matches("turbo-frame")) {
    const stay = stays(node, fresh)
    given.set(node, addressOf(fresh))
    if (stay) return
  }
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

// As they are: `@click` is a name to the parser of HTML, and none to setAttribute.
function morphAttributes(element, fresh) {
  for (const attribute of [...fresh.attributes]) {
    if (element.getAttribute(attribute.name) !== attribute.value) element.setAttributeNode(attribute.cloneNode())
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
  else if (field.matches("input, textarea") && field.type !== "file" && field.value !== untouched(field)) field.value = field.defaultValue
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

// Never what is older than what is shown, or was when the page was last left. A copy of it goes into what is about to be shown.
function guard(root) {
  for (const fresh of regions(root)) {
    const newer = [document.getElementById(fresh.id), last.get(placeOf(fresh))].filter((shown) => shown && isOlder(fresh, shown))
      .sort((one, other) => other.dataset.version - one.dataset.version)[0]
    if (newer) fresh.replaceWith(instead(fresh, newer))
  }
  root.querySelectorAll(SOURCE).forEach((source) => source.removeAttribute("connected"))
  regions(root).forEach((region) => region.querySelectorAll("noscript").forEach((element) => element.remove()))
}

// It is asked for again, with all that came with it: the rest may be as old, and it may look otherwise in this place. Or the log is
// older than what was shown, since it was restored from a copy.
function instead(fresh, shown) {
  const twin = copy(shown)
  keepPlace(fresh, twin)
  delete twin.dataset.workflowAt
  if (fresh.dataset.workflowAt !== undefined) twin.dataset.workflowAt = fresh.dataset.workflowAt
  twin.dataset.workflowAgain = "true"
  return twin
}

const isOlder = (fresh, shown) => shown.matches(REGION) && shown.dataset.workflowRun === fresh.dataset.workflowRun && Number(fresh.dataset.version) < Number(shown.dataset.version)

const placeOf = ({ id, dataset }) => [dataset.workflowAt, id, dataset.workflowRun].join(" ")

// Turbo's own copy of a page may be of an earlier visit to it.
function remember() {
  for (const region of regions()) {
    last.delete(placeOf(region))
    last.set(placeOf(region), copy(region))
  }
  for (const place of [...last.keys()].slice(0, -LAST)) last.delete(place)
}

function copy(region) {
  const twin = region.cloneNode(true), fields = fieldsOf(twin)
  fieldsOf(region).forEach((field, index) => restore(fields[index], stateOf(field), false))
  dropNotice(twin) // its button would do nothing
  return twin
}

// What a look under way would find may be older: its answer is not waited for.
function outdate() {
  looking?.abort(DROPPED)
}

// What comes in, and what of the page it changes. An answer that is on its way is only older than what touches a region.
function rendering(root, touching) {
  if (touching || regions(root).length) outdate()
  guard(root)
}

function streamed(event) {
  const stream = event.target
  if (stream.getAttribute?.("action") === "workflow") {
    event.preventDefault()
    announce(stream.dataset)
  } else if (stream.templateElement) {
    const targets = stream.target || stream.targets ? stream.targetElements : []
    rendering(stream.templateElement.content, targets.some((target) => target.closest(REGION) || regions(target).length))
    setTimeout(schedule, APART_MS) // by then it is in the page
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
  if (!document.hidden && now() - startedAt > START_POLL_MS && regions().some(({ dataset }) => !dataset.workflowRun)) want()
  const open = regions().filter(({ dataset }) => dataset.workflowRun && !ENDED.includes(dataset.state))
  if (open.every(({ dataset }) => sourcesOf(dataset.workflowRun).some(hears))) return heard()
  unheardSince ??= now()
  const alone = now() - unheardSince, apart = alone > LONG_ALONE_MS ? LATER_POLL_MS : POLL_MS
  if (!document.hidden && alone > ALONE_MS * HASTE && now() - startedAt > apart * HASTE) want()
}

// Action Cable does not always say at once that a connection is gone: when it takes another instead of one that hangs, say.
function hears(source) {
  const connection = source.subscription?.consumer?.connection
  return source.hasAttribute("connected") && connection?.isOpen?.() !== false && connection?.monitor?.connectionIsStale?.() !== true
}

function heard() {
  unheardSince = undefined
  renewed.clear()
}

// A look of before the page slept may never be answered.
function heal() {
  failing = stuck = 0
  looking?.abort(DROPPED)
  regions().forEach((region) => missing.delete(region))
  if (regions().length) want()
}

// Nor may what Turbo had asked for when the page was frozen, whose end it awaits without a limit, with a preview in place of the page:
// unless the visit goes on by itself, it is begun again.
function thawed() {
  heal()
  const navigator = turbo()?.navigator, stopped = navigator?.currentVisit
  const stands = () => stopped && navigator.currentVisit === stopped && stopped.state === "started" && stopped.willRender !== false
  const again = () => turbo().visit(stopped.location.href, { action: stopped.historyChanged || stopped.action === "restore" ? "replace" : stopped.action })
  if (stands()) setTimeout(() => { if (stands()) again() }, THAW_MS)
}

function arrived() {
  left = false
  came()
  regions().forEach(forget)
  if (visit === "restore") heal()
  visit = undefined
  leadOn()
  schedule()
}

// A frame's visit that Turbo tells as the page's, since the address changes with it (data-turbo-action): the rest of the page is
// that of where it came from. (Where a redirection has led, Turbo tells as a visit that renders nothing as well.)
function promoted() {
  const { willRender, updateHistory } = turbo()?.navigator?.currentVisit ?? {}
  return willRender === false && updateHistory === false
}

// A page, or what Turbo has rendered in its place: not a frame. Turbo's copy of a page knows its address, which may be a frame's.
function came() {
  leaving = undefined
  if (promoted()) document.body.dataset.workflowHome = home
  else home = document.body.dataset.workflowHome ?? location.href
  regions().forEach(stampOf)
  reclaim()
}

// Of a page that Turbo kept a copy of: what it lacks, and what it offers, is not known any more, and is asked for.
function forget(region) {
  missing.delete(region)
  if (!held.has(region)) dropNotice(region)
}

function dropNotice(region) {
  region.removeAttribute("data-workflow-held")
  region.querySelectorAll(":scope > .workflow-notice").forEach((element) => element.remove())
}

// For whoever asks why a page shows what it does.
function inspect() {
  const shown = regions().map((region) => ({ id: region.id, ...stampOf(region), missing: missing.has(region), held: held.has(region), behind: isBehind(region) }))
  const sources = [...document.querySelectorAll(SOURCE)].map((source) => ({ connected: source.hasAttribute("connected"), hears: hears(source) }))
  return { home, shown, announced: [...announced], sources, wanted, pulling, left, leaving, submitting: submitting(), previewing: previewing(), failing, stuck,
    since: now() - startedAt, unheard: unheardSince !== undefined }
}

function listen(names, handler, target = document) {
  names.split(" ").forEach((name) => target.addEventListener(name, handler))
}

function begin() {
  if (window.workflowLive) return
  window.workflowLive = inspect
  listen("turbo:before-stream-render", streamed)
  listen("turbo:before-morph-element", morphing)
  listen("turbo:before-render", ({ detail }) => { if (!promoted()) { remember(); rendering(detail.newBody, true) } })
  listen("turbo:before-frame-render", ({ target, detail }) => rendering(detail.newFrame, regions(target).length))
  listen("turbo:visit", ({ detail }) => { visit = detail.action })
  listen("turbo:render", () => { if (!promoted()) outdate(); came(); schedule() })
  listen("turbo:frame-load", ({ target }) => { if (regions(target).length) outdate(); regions().forEach(stampOf); reclaim(); schedule() })
  listen("turbo:load", arrived)
  listen("input change", typing)
  listen("reset", () => setTimeout(settle))
  listen("turbo:submit-start", submits)
  listen("turbo:submit-end", submitted)
  listen("submit", departs, window)
  listen("visibilitychange", () => { if (!document.hidden) heal() })
  listen("resume", thawed)
  listen("online", heal, window)
  listen("pageshow", ({ persisted }) => { if (persisted) { left = false; stayed(); heal() } }, window)
  new MutationObserver(disconnected).observe(document, { subtree: true, attributeFilter: ["connected"] })
  setInterval(tick, TICK_MS)
  if (turbo()?.StreamActions) turbo().StreamActions.workflow = function () { announce(this.dataset) }
  arrived()
  const back = performance.getEntriesByType?.("navigation")[0]?.type === "back_forward"
  if (back || document.querySelector(`${SOURCE}[connected]`)) heal() // something may have been said before this listened
}

begin()
