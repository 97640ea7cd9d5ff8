// Where Django's own widgets leave a name out, for those who can't see what stands beside a field.

addEventListener("load", () => {
  for (const icon of document.querySelectorAll(".search-label-icon[aria-label]")) icon.setAttribute("role", "img");
  for (const input of document.querySelectorAll(".datetime input:not([aria-label])")) {
    const legend = input.closest("fieldset, .form-row")?.querySelector("legend, label")?.textContent ?? "";
    const part = input.previousSibling?.textContent ?? "";
    input.setAttribute("aria-label", `${legend} ${part}`.replaceAll(":", "").trim());
  }
});
