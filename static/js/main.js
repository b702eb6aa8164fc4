// Every page loads this one. Charts and logs are fetched only by pages that have them.
import * as controls from "./controls.js";
import * as copy from "./copy.js";
import * as live from "./live.js";
import * as palette from "./palette.js";
import * as theme from "./theme.js";
import * as time from "./time.js";
import * as toasts from "./toasts.js";
import { each } from "./page.js";

for (const part of [theme, time, toasts, copy, controls, palette, live]) part.start();
each("[data-log]", async (node) => (await import("./log.js")).attach(node));
each("[data-chart]", async (node) => (await import("./chart.js")).attach(node));
document.documentElement.dataset.ready = "true";
each("[data-terminal]", async (node) => (await import("./terminal.js")).attach(node));
each("form[data-taskdef]", async (node) => (await import("./taskdef.js")).attach(node));
each("form[data-passkey]", async (node) => (await import("./passkey.js")).attach(node));
each("[data-choose]", async (node) => (await import("./choose.js")).attach(node));
each("form[data-policy]", async (node) => (await import("./policy.js")).attach(node));
