// Runs an operation in GraphiQL, in a browser; what its list of events shows, as lines of
// JSON. A line of input stops it, loads the page anew and runs it again; the end of the input is
// the end.
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const { CHROMIUM, PAGE_URL, PAGE_HEADERS, OPERATION, IS_OFFLINE, IS_AWAY, PICTURE } = process.env;
const [, key] = JSON.parse(PAGE_HEADERS).Authorization.split(" ");
const LONG = `# ${"no address is as long ".repeat(500)}`;
const packages = new URL("node_modules/", import.meta.url);
const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

// CI has no network but has the packages; the page knows the files by their hashes.
async function fromPackage(route) {
  if (IS_OFFLINE) return route.abort();
  const path = new URL(route.request().url()).pathname.slice(1).replace(/(?<=.)@[^/]*/, "");
  await route.fulfill({
    body: await readFile(new URL(path, packages)),
    contentType: path.endsWith(".css") ? "text/css" : "text/javascript",
    headers: { "Access-Control-Allow-Origin": "*" },
  });
}

const byProxy = (route) =>
  route.fulfill({ status: 503, contentType: "text/html", body: "<html>Come later</html>" });

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1400, height: 850 } });
await page.route("https://unpkg.com/**", fromPackage);
page.on("pageerror", (error) => tell({ fault: String(error) }));
page.on("console", (message) => {
  const text = message.text();
  // Browsers tell there of each answer that is an error, too.
  if (message.type() === "error" && !text.startsWith("Failed to load")) tell({ fault: text });
});

await page.goto(`${PAGE_URL}?${new URLSearchParams({ q: OPERATION })}`);
if (IS_OFFLINE) {
  tell({ shown: await page.locator("body").innerText() });
} else {
  await page.getByText("with an API key of this gateway").waitFor(); // GraphiQL has asked for the schema
  await page.locator("section[aria-label=Headers] .CodeMirror:visible").click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(PAGE_HEADERS);
  if (IS_AWAY) await page.route(PAGE_URL, byProxy);
  await execute();
}

// Twice in one moment, as a key does that is held down.
async function execute() {
  await page.getByRole("button", { name: "Show Events" }).click();
  const button = page.getByRole("button", { name: "Execute query" });
  await button.evaluate((each) => (each.click(), each.click()));
}

async function executeAgain() {
  await page.getByRole("button", { name: "Stop query" }).click();
  await page.locator(".graphiql-query-editor .CodeMirror").click();
  await page.keyboard.press("Control+End");
  await page.keyboard.insertText(LONG);
  const isKept = (texts) =>
    texts.every((each) => sessionStorage.getItem("graphiql:tabState").includes(each));
  await page.waitForFunction(isKept, [key, LONG]);
  for (let time = 0; time < 2; time += 1) {
    await page.reload();
    await page.locator("section[aria-label=Headers] .CodeMirror:visible").waitFor();
  }
  await execute();
}

let isWanted = true;
let isWantedAgain = false;
process.stdin.on("data", () => (isWantedAgain = true));
process.stdin.on("end", () => (isWanted = false));
for (let told = 0; isWanted; ) {
  if (isWantedAgain) await executeAgain();
  isWantedAgain = false;
  const lines = await page.locator(".events li").allTextContents();
  if (lines.length < told) told = 0; // the operation runs anew
  for (const line of lines.slice(told)) tell(JSON.parse(line));
  told = lines.length;
  if ((await page.evaluate(() => JSON.stringify(localStorage))).includes(key))
    tell({ fault: "the key stays in the browser" });
  await page.waitForTimeout(50);
}
if (PICTURE) await page.screenshot({ path: PICTURE });
await browser.close();
