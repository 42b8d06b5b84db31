// The dialog that makes and deploys a virtual machine: where, from which template, and its name.

import { show, h } from "./dom.js";
import { openForm } from "./dialogs.js";
import { field, options } from "./parts.js";
import { pathOf } from "./client.js";
import { self } from "./platform.js";

const usable = (template) => !template.state || template.state === "DONE";

/** Open it; `chosen` is a place and a template to begin with. */
export async function deploy(app, chosen = null) {
  const { platform, shell, tasks } = app;
  let places;
  try {
    places = await platform.places();
    if (!places.length) throw new Error("There is no location to deploy in.");
  } catch (failure) {
    shell.tell(failure.message, "bad");
    return;
  }
  const found = new Map();
  const first = chosen && places.find((one) => one.location.name === chosen.place.location.name) || places[0];
  const label = h("input", { id: "deploy-label", name: "label", required: true, maxlength: "128", autocomplete: "off", placeholder: "web-1" });
  const where = h("select", { id: "deploy-where", name: "where" }, options(places, (one) => one.location.name, first));
  const what = h("select", { id: "deploy-what", name: "what", required: true });
  const hint = h("p", { class: "soft small", role: "status" });

  const here = () => places[Number(where.value)];
  async function fill() {
    const place = here();
    show(what, h("option", { value: "" }, "Loading …"));
    try {
      if (!found.has(place)) found.set(place, (await platform.templates(place.store)).filter(usable));
    } catch (failure) {
      hint.textContent = failure.message;
      return;
    }
    // Another place may have been chosen meanwhile.
    if (place !== here()) return;
    const templates = found.get(place);
    const wanted = templates.find((one) => one.id === chosen?.template.id) ?? templates[0];
    what.replaceChildren(...options(templates, (one) => one.name, wanted));
    hint.textContent = templates.length ? "" : "There is no template at this location yet.";
  }
  where.addEventListener("change", fill);
  fill();

  await openForm({
    title: "New machine",
    fields: [field("Name", label), field("Location", where), field("Template", what), hint],
    action: "Deploy",
    submit: async ({ say }) => {
      const place = here();
      const template = found.get(place)?.[Number(what.value)];
      if (!template) throw new Error("Choose a template first.");
      say("Making it …");
      const name = label.value.trim();
      const machine = await platform.create({ location: place.location, template, label: name });
      app.go("machine", pathOf(self(machine)));
      tasks.follow(await platform.act(machine, "deploy"), name);
    },
  });
  app.refresh();
}
