// <div data-choose="task_definition"><select …></div>: a choice goes into the address and refreshes the fragments.
export function attach(node) {
  if (node.dataset.wired) return;
  node.dataset.wired = "true";
  node.addEventListener("change", (event) => {
    const url = new URL(location.href);
    url.searchParams.set(node.dataset.choose, event.target.value);
    history.replaceState(null, "", url);
    document.dispatchEvent(new CustomEvent("slipway:refresh"));
  });
}
