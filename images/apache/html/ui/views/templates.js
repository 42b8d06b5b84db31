// The templates of each location: upload, download, deploy, delete.

import { deploy } from "../deploy.js";
import { confirm, openForm } from "../dialogs.js";
import { h } from "../dom.js";
import { badge, button, empty, field, options } from "../parts.js";
import { FORMATS, download, formatOf, upload } from "../repository.js";
import { View } from "../view.js";
import { bytes, many, plain } from "../words.js";
import { each } from "../client.js";

const STATES = { DONE: ["Ready", "good"], IN_PROGRESS: ["On its way", "busy"], FAILED: ["Failed", "bad"] };

export class Templates extends View {
  title = "Templates";
  #places = [];
  #progress = null;

  async load() {
    this.#places = await each(await this.platform.places(), async (place) =>
      ({ ...place, templates: await this.platform.templates(place.store) }));
  }

  actions() { return [button("Upload", () => this.#upload(), { symbol: "upload", kind: "primary" })]; }

  draw() {
    return [
      this.#progress === null ? null : h("div", { class: "card", role: "status" },
        h("label", { for: "uploaded" }, "Uploading"),
        h("progress", { id: "uploaded", max: "1", value: String(this.#progress) })),
      this.#places.map((place) => this.#place(place)),
    ];
  }

  #place(place) {
    const id = `place-${place.location.id}`;
    return h("section", { class: "card", key: id, "aria-labelledby": id },
      h("div", { class: "heading" }, h("h2", { id }, place.location.name), h("span", { class: "soft" }, many(place.templates.length, "template"))),
      place.templates.length ? h("ul", { class: "rows" }, place.templates.map((one) => this.#row(place, one)))
        : empty("There is no template here yet."));
  }

  #row(place, template) {
    const id = `template-${template.id}`;
    const state = STATES[template.state] ?? [plain(template.state ?? "DONE"), "idle"];
    const facts = [plain(template.diskFormatType), template.diskFileSize ? bytes(template.diskFileSize) : "",
      `${template.cpu ?? 1} CPU`, `${template.ram ?? 0} MiB`].filter(Boolean).join(" · ");
    const act = (words, symbol, work, rest = {}) =>
      button(words, work, { symbol, kind: "small", key: words, "aria-describedby": id, ...rest });
    const ready = (template.state ?? "DONE") === "DONE";
    return h("li", { class: "row", key: id },
      h("h3", { id }, template.name), badge(state), h("span", { class: "soft" }, facts),
      h("div", { class: "actions" },
        act("Deploy", "play", () => deploy(this.app, { place, template }), { off: ready ? "" : "It is not ready" }),
        place.store && template.links.some((one) => one.rel === "download" || one.rel === "diskfile")
          ? act("Download", "download", () => this.attempt(() => download(this.app.client, template))) : null,
        act("Delete", "trash", () => this.#remove(template))),
      template.description ? h("p", { class: "soft" }, template.description) : null);
  }

  async #remove(template) {
    await confirm(`Delete ${template.name}?`, "Its file is removed from the repository. Machines that were made of it stay.",
      "Delete", async () => this.app.tasks.follow(await this.platform.remove(template), template.name));
    this.refresh();
  }

  async #upload() {
    const stores = this.#places.filter((one) => one.store);
    if (!stores.length) {
      this.app.shell.tell("No location takes templates.", "bad");
      return;
    }
    const where = h("select", { id: "upload-where" }, options(stores, (one) => one.location.name));
    const name = h("input", { id: "upload-name", required: true, maxlength: "128", autocomplete: "off" });
    const format = h("select", { id: "upload-format" }, Object.keys(FORMATS).map((one) => h("option", { value: one }, plain(one))));
    const about = h("input", { id: "upload-about", maxlength: "255", autocomplete: "off" });
    const file = h("input", { id: "upload-file", type: "file", required: true });
    file.addEventListener("change", () => {
      const [chosen] = file.files;
      if (!chosen) return;
      name.value ||= chosen.name.replace(/\.\w+$/, "");
      format.value = formatOf(chosen.name);
    });
    const done = await openForm({
      title: "Upload a template",
      fields: [field("Location", where), field("Disk image", file), field("Name", name),
        field("Format", format, "Guessed from the file’s name."), field("Description", about)],
      action: "Upload",
      submit: async ({ say }) => {
        await upload(this.app.client, stores[Number(where.value)].store, {
          file: file.files[0], name: name.value.trim(), description: about.value.trim(), format: format.value, cpu: 1, ram: 32,
        }, (share) => {
          say(`Uploading, ${Math.round(share * 100)} %`);
          this.#progress = share;
          this.redraw();
        });
      },
    });
    this.#progress = null;
    if (done) this.app.shell.tell(`${name.value.trim()} is uploaded.`);
    this.refresh();
  }
}
