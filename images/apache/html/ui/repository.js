// A datacenter's template repository: what goes up and down through its appliance manager (platform.md, row 6).

import { Failure, link, pathOf } from "./client.js";

/** Disk formats of the platform, and what a file of each is usually called. */
export const FORMATS = {
  RAW: [".img", ".raw"], QCOW2_SPARSE: [".qcow2"], VMDK_SPARSE: [".vmdk"], VDI_SPARSE: [".vdi"],
};

/** The format that a file's name promises. */
export function formatOf(name) {
  const ending = /\.\w+$/.exec(name.toLowerCase())?.[0];
  return Object.keys(FORMATS).find((one) => FORMATS[one].includes(ending)) ?? "RAW";
}

function base(store) {
  const to = link(store, "appliancemanager");
  if (!to) throw new Failure("This location has no appliance manager: templates cannot go up or down here.");
  return pathOf(to).replace(/\/$/, "");
}

/**
 * Send a file up. `told` hears the share that is sent, from 0 to 1. With XMLHttpRequest, for fetch does not tell
 * how far an upload is. Throws `Failure`.
 */
export function upload(client, store, { file, name, description, format, cpu, ram }, told) {
  const form = new FormData();
  const info = { name, description, diskFileFormat: format, requiredCpu: cpu, requiredRamInMB: ram };
  form.append("diskInfo", new Blob([JSON.stringify(info)], { type: "application/json" }), "diskInfo.json");
  form.append("diskFile", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${base(store)}/templates`);
    request.setRequestHeader("Authorization", `Token ${client.token}`);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && told(event.loaded / event.total));
    request.addEventListener("error", () => reject(new Failure("The upload was interrupted.")));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(new Failure(words(request), request.status));
    });
    request.send(form);
  });
}

function words(request) {
  try {
    return JSON.parse(request.responseText).collection[0].message;
  } catch {
    return `The appliance manager answers ${request.status}.`;
  }
}

/** Fetch a template's disk and hand it to the browser as a file. */
export async function download(client, template) {
  const to = link(template, "download") ?? link(template, "diskfile");
  if (!to) throw new Failure("This template cannot be downloaded.");
  const answer = await client.send(pathOf(to), { accept: "*/*", patience: 3_600_000 });
  const address = URL.createObjectURL(await answer.blob());
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = (template.path ?? template.name).split("/").pop();
  anchor.click();
  URL.revokeObjectURL(address);
}
