// Questions in front of the page. The browser's own dialog keeps the focus inside, closes with Escape, and
// gives the focus back.

import { h, show } from "./dom.js";
import { button, field } from "./parts.js";

let number = 0;

/**
 * Open a dialog with a form. `submit` does the work: while it does, the dialog stays, and what it throws is
 * shown in it. Resolves to true when the work was done, to false when the user left.
 */
export function openForm({ title, fields, action, submit, kind = "primary" }) {
  const id = `dialog-${++number}`;
  const problem = h("p", { class: "problem", role: "alert" });
  const send = h("button", { class: `button ${kind}`, type: "submit" }, action);
  const form = h("form", { method: "dialog" },
    h("h2", { id }, title), fields, problem,
    h("div", { class: "actions" }, button("Cancel", () => dialog.close()), send));
  const dialog = h("dialog", { "aria-labelledby": id }, form);
  let busy = false;
  return new Promise((resolve) => {
    let done = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      send.setAttribute("aria-disabled", "true");
      problem.textContent = "";
      try {
        await submit({ form, say: (words) => { show(send, words); } });
        done = true;
        dialog.close();
      } catch (failure) {
        problem.textContent = failure.message;
      } finally {
        busy = false;
        send.removeAttribute("aria-disabled");
        show(send, action);
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Ask before something that cannot be taken back; `work` does it. */
export const confirm = (title, words, action, work) => openForm({
  title, fields: h("p", {}, words), action, kind: "danger", submit: work,
});

/** Ask for one line of text. */
export function askText({ title, label, value, action, hint }, work) {
  const input = h("input", { id: `text-${number + 1}`, name: "text", required: true, maxlength: "128", value });
  return openForm({
    title, fields: field(label, input, hint), action, submit: () => work(input.value.trim()),
  });
}
