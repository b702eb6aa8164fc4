// Before the first paint: the theme that was chosen, else the system's. Not a module, so that it blocks.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("slipway-theme"); } catch (error) { /* storage may be forbidden */ }
  var dark = chosen ? chosen === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
})();
