// Who is there? The password goes to the API once, for a token.

import { h, show } from "../dom.js";
import { field } from "../parts.js";

function reason(failure) {
  if (failure.status === 401) return "The name or the password is wrong.";
  return failure.message;
}

export function login(app, place, message) {
  const name = h("input", { id: "name", name: "username", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const problem = h("p", { id: "login-problem", class: "problem", role: "alert" });
  const send = h("button", { class: "button primary", type: "submit" }, "Log in");
  const form = h("form", { class: "card login", "aria-labelledby": "login-heading" },
    h("h1", { id: "login-heading", tabindex: "-1" }, "Log in"),
    h("p", { class: "soft", role: "status" }, message || `Lab ${app.lab.lab}, served by ${app.lab.node}.`),
    field("Name", name), field("Password", password), problem, send,
    h("p", { class: "soft small" }, "The administrator is ", h("code", {}, "admin"), "; the password: ",
      h("code", {}, `labgen credentials ${app.lab.lab} --show`)));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.hasAttribute("aria-disabled")) return;
    send.setAttribute("aria-disabled", "true");
    problem.textContent = "";
    try {
      await app.logIn(name.value, password.value);
    } catch (failure) {
      problem.textContent = reason(failure);
      send.removeAttribute("aria-disabled");
      password.select();
      password.focus();
    }
  });
  document.title = `Log in – ${app.lab.lab}`;
  show(place);
  place.append(form);
  name.focus();
}
