// A form whose answer a passkey gives: its button asks the server what to ask for, the browser asks the person, and the
// answer goes into the form's field `credential`, which is then sent as any other form.
import { say } from "./page.js";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const named = (keys) => (keys ?? []).map((key) => ({ ...key, id: bytes(key.id) }));

function asked(options) {
  const ready = { ...options, challenge: bytes(options.challenge) };
  if (options.user) ready.user = { ...options.user, id: bytes(options.user.id) };
  if (options.excludeCredentials) ready.excludeCredentials = named(options.excludeCredentials);
  if (options.allowCredentials) ready.allowCredentials = named(options.allowCredentials);
  return ready;
}

function answered(credential) {
  const response = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = text(credential.response[part]);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
}

async function ask(form) {
  const sent = await fetch(form.dataset.options, { method: "POST", body: new FormData(form) });
  const options = await sent.json();
  if (!sent.ok) throw new Error(options.error ?? say("requestFailed", sent.status));
  const publicKey = asked(options);
  return form.dataset.passkey === "create"
    ? navigator.credentials.create({ publicKey })
    : navigator.credentials.get({ publicKey });
}

export function attach(form) {
  const trouble = form.querySelector("[data-passkey-trouble]");
  const tell = (sentence) => {
    trouble.textContent = sentence;
    trouble.hidden = !sentence;
  };
  if (!window.PublicKeyCredential) {
    form.querySelector("button").disabled = true;
    tell(say("passkeyMissing"));
    return;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tell("");
    try {
      form.elements.credential.value = answered(await ask(form));
      form.submit();
    } catch (error) {
      // What the person cancelled and what took too long are told apart by no browser.
      tell(error instanceof DOMException ? say("passkeyCancelled") : error.message);
    }
  });
}
