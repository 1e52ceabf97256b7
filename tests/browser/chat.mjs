// Talks to the chat page in a real browser, as a person would, and looks for barriers and traces on the way.
//
// Reads a plan (JSON) from standard input: chromium, axe (path), url, width, height, script (false: without
// JavaScript), pictures (folder or null), steps. A step is one of {press}, {write}, {follow}, {leave}, {back},
// {reload}, {offline: true|false}, {scroll}, {picture: name}, {look: true}.
// Writes {steps: [{heading, text, buttons, articles, url, title, barriers, wide, leaveInView, stored, smallest}],
// errors, abroad}; `wide`: pixels the page is wider than the screen; `smallest`: height of the lowest answer.

import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { chromium } from 'playwright-core';

const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-pings',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

const plan = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({ executablePath: plan.chromium, args: [...QUIET, '--no-sandbox'] });
const context = await browser.newContext({
  javaScriptEnabled: plan.script,
  viewport: { width: plan.width, height: plan.height },
});
const page = await context.newPage();
const errors = [];
const abroad = [];
page.on('pageerror', (error) => errors.push(String(error)));
page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
page.on('request', (request) => {
  const asked = new URL(request.url());
  if (asked.protocol.startsWith('http') && asked.origin !== new URL(plan.url).origin) abroad.push(request.url());
});
await page.goto(plan.url);
const steps = [];
for (const step of plan.steps) {
  await go(step);
  steps.push(await look(step));
}
process.stdout.write(JSON.stringify({ steps, errors, abroad }));
await browser.close();

async function go(step) {
  if (step.press) return answered(() => page.getByRole('button', { name: step.press, exact: true }).last().click(), step);
  if (step.write !== undefined) {
    await page.locator('textarea').fill(step.write);
    return answered(() => page.locator('.write button').click(), step);
  }
  if (step.follow) return page.locator('main a', { hasText: step.follow }).click();
  if (step.leave) {
    await page.locator('#leave').click();
    return page.waitForURL(/weather/);
  }
  if (step.back) return page.goBack({ timeout: 5000 }).catch(() => null);
  if (step.reload) return page.reload();
  if (step.scroll) return page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  if (step.offline !== undefined) return context.setOffline(step.offline);
  if (step.picture && plan.pictures) return page.screenshot({ path: `${plan.pictures}/${step.picture}.png`, fullPage: true });
  return null;
}

// A press is over when the page was loaded anew (without JavaScript) or a part was put in, or when nobody answered.
async function answered(act, step) {
  if (!plan.script) return Promise.all([page.waitForEvent('load'), act()]);
  const before = await page.locator('input[name=id]').inputValue();
  await act();
  if (step.fails) return page.locator('#offline').waitFor({ state: 'visible' });
  return page.waitForFunction((id) => document.querySelector('input[name=id]')?.value !== id, before);
}

async function look(step) {
  if (!step.look) return {};
  return {
    url: page.url(),
    title: await page.title(),
    text: oneLine(await page.locator('body').innerText()),
    heading: (await page.locator('h1, h2').allInnerTexts()).map(oneLine),
    buttons: (await page.locator('form button:not(.hidden)').allInnerTexts()).map(oneLine),
    articles: await page.locator('[role=log] article').count(),
    smallest: Math.min(...(await heights()), 999),
    wide: await measured(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    leaveInView: await leaveInView(),
    stored: await stored(),
    barriers: await barriers(),
  };
}

async function heights() {
  const boxes = await Promise.all((await page.locator('.answer').all()).map((each) => each.boundingBox()));
  return boxes.filter(Boolean).map((box) => box.height);
}

async function leaveInView() {
  if (!(await page.locator('#leave').count())) return null;
  const box = await page.locator('#leave').boundingBox();
  return box !== null && box.y >= 0 && box.y + box.height <= plan.height && box.x >= 0 && box.x + box.width <= plan.width;
}

async function measured(what) {
  return plan.script ? page.evaluate(what) : null;
}

async function stored() {
  const cookies = (await context.cookies()).map((each) => each.name);
  if (!plan.script) return { cookies };
  const kept = await page.evaluate(async () => ({
    local: localStorage.length,
    session: sessionStorage.length,
    caches: (await caches.keys()).length,
    databases: (await indexedDB.databases()).length,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
  })).catch((error) => String(error));
  return { cookies, ...kept };
}

async function barriers() {
  if (!plan.script) return null;
  await page.evaluate(readFileSync(plan.axe, 'utf8'));
  const found = await page.evaluate(() => window.axe.run());
  return found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(' ').slice(0, 300)}`);
}

function oneLine(words) {
  return words.replace(/\s+/g, ' ').trim();
}
