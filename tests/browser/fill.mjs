// Fills one form in a real browser as a person would: finds questions by their words, chooses, types, sends.
//
// Reads a plan (JSON) from standard input: chromium, now, form (XForm), media {file name: text}, pictures (folder), steps.
// A step has one of: question + place on the page + answer (label of the choice, text, or day), language, picture, send.
// Writes to standard output {steps: [{shown, offered, said, clipped}], sent, abroad, errors}: after each step the
// questions on the page, the choices offered, what the form says against the answers, and words that do not fit.

import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { text } from 'node:stream/consumers';
import { chromium } from 'playwright-core';

const HERE = import.meta.dirname;
const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.xml': 'text/xml', '.csv': 'text/csv' };
// The browser itself asks nobody for updates, and can reach this machine only.
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-sync',
  '--no-first-run',
  '--no-pings',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];
const QUESTION = '.question-container';

function serve(plan) {
  const made = new Map([['/form.xml', plan.form]]);
  for (const [name, content] of Object.entries(plan.media)) made.set(`/media/${name}`, content);
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://127.0.0.1').pathname));
    const name = path === '/' ? '/page.html' : path;
    response.setHeader('Content-Type', `${KINDS[extname(name)] ?? 'application/octet-stream'}; charset=utf-8`);
    if (made.has(name)) response.end(made.get(name));
    else if (name === '/page.html' || (name.startsWith('/node_modules/') && existsSync(join(HERE, name))))
      createReadStream(join(HERE, name)).pipe(response);
    else response.writeHead(404).end();
  });
  return new Promise((ready) => server.listen(0, '127.0.0.1', () => ready(server)));
}

async function find(page, step) {
  const question = page.locator(QUESTION).filter({ visible: true }).nth(step.place);
  const words = oneLine(await question.locator('.control-text label').first().innerText());
  if (words !== oneLine(step.question)) throw new Error(`question ${step.place} is "${words}", not "${step.question}"`);
  return question;
}

async function answer(page, step) {
  const question = await find(page, step);
  const list = question.locator('.p-select [role=combobox]');
  if (await list.count()) return chooseFromList(page, list, step.answer);
  const choices = question.locator('label.value-option');
  if (await choices.count()) {
    const offered = (await choices.allInnerTexts()).map(oneLine);
    await choices.nth(placeOf(step.answer, offered)).click();
    return offered;
  }
  if (await question.locator('.p-datepicker').count()) return chooseDay(page, question, step.answer);
  const field = question.locator('input, textarea').first();
  await field.fill(step.answer);
  await field.press('Tab');
  return [];
}

async function chooseFromList(page, list, wanted) {
  await list.click();
  const options = page.getByRole('option');
  await options.first().waitFor();
  const offered = (await options.allInnerTexts()).map(oneLine);
  await options.nth(placeOf(wanted, offered)).click();
  await options.first().waitFor({ state: 'detached' });
  return offered;
}

// A day as "2026-01-05", found in the calendar by its year, its month, its number.
async function chooseDay(page, question, day) {
  const [year, month, date] = day.split('-').map(Number);
  const calendar = page.locator('.p-datepicker-panel');
  const wanted = calendar.locator('.p-datepicker-year').getByText(String(year), { exact: true });
  // A click on a calendar that is still unfolding is lost: a person clicks again, and so do we.
  for (let tries = 3; tries && !(await wanted.isVisible()); tries--) {
    if (!(await calendar.isVisible())) await question.locator('input').click();
    await calendar.locator('.p-datepicker-select-year').click({ timeout: 5000 }).catch(() => {});
    await wanted.waitFor({ timeout: 3000 }).catch(() => {});
  }
  await wanted.click();
  await calendar.locator('.p-datepicker-month').nth(month - 1).click();
  await calendar.locator('.p-datepicker-day-cell:not(.p-datepicker-other-month)').nth(date - 1).click();
  await calendar.waitFor({ state: 'detached' });
  return [];
}

function placeOf(wanted, offered) {
  const place = offered.indexOf(oneLine(wanted));
  if (place < 0) throw new Error(`"${wanted}" is not offered; these are: ${offered.join(' | ')}`);
  return place;
}

async function speak(page, language) {
  await page.locator('.language-changer').filter({ visible: true }).click();
  await page.getByRole('option', { name: language, exact: true }).click();
}

async function send(page) {
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.waitForTimeout(500);
}

// What a person sees now.
function look() {
  const line = (element) => element?.innerText.replace(/\s+/g, ' ').trim() ?? '';
  const visible = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
  return {
    shown: visible('.question-container').map((one) => [
      line(one.querySelector('.control-text label')),
      line(one.querySelector('.control-text .hint')),
    ]),
    said: visible('.validation-message').map(line).filter(Boolean),
    clipped: visible('.control-text label, .hint, .value-option, .p-select-label, h1, h2')
      .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')
      .map(line),
  };
}

function oneLine(words) {
  return words.replace(/\s+/g, ' ').trim();
}

async function take(page, step, pictures) {
  let offered = [];
  if (step.language) await speak(page, step.language);
  else if (step.send) await send(page);
  else if (step.picture) await page.screenshot({ path: join(pictures, `${step.picture}.png`), fullPage: true });
  else offered = await answer(page, step);
  await page.waitForTimeout(100);
  return { offered, ...(await page.evaluate(look)) };
}

async function fill(plan) {
  const server = await serve(plan);
  const alone = process.getuid?.() === 0 ? ['--no-sandbox'] : []; // Chromium refuses to run as root inside its sandbox
  const browser = await chromium.launch({ executablePath: plan.chromium, args: [...QUIET, ...alone] });
  const seen = { steps: [], sent: null, abroad: [], errors: [] };
  try {
    const home = `http://127.0.0.1:${server.address().port}/`;
    const page = await browser.newPage({ viewport: { width: 360, height: 740 }, timezoneId: plan.zone });
    page.setDefaultTimeout(15_000);
    await page.clock.setFixedTime(plan.now);
    page.on('pageerror', (error) => seen.errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && seen.errors.push(message.text()));
    page.on('request', (request) => /^https?:/.test(request.url()) && !request.url().startsWith(home) && seen.abroad.push(request.url()));
    await page.goto(home);
    await page.locator(QUESTION).first().waitFor();
    for (const step of plan.steps) {
      seen.steps.push(await take(page, step, plan.pictures));
    }
    seen.sent = await page.evaluate(() => window.sent ?? null);
  } finally {
    await browser.close();
    server.close();
  }
  return seen;
}

const plan = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(await fill(plan)));
