"use strict";
// Passkeys: the browser asks the device, the form takes its answer along. Without this file, or in
// a browser without passkeys, the parts that need it stay hidden.
(() => {
  if (!window.PublicKeyCredential) return;

  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  };
  const text = (buffer) => {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const ids = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  const asked = {
    make: (options) =>
      navigator.credentials.create({
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          user: { ...options.user, id: bytes(options.user.id) },
          excludeCredentials: ids(options.excludeCredentials),
        },
      }),
    show: (options) =>
      navigator.credentials.get({
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          allowCredentials: ids(options.allowCredentials),
        },
      }),
  };

  // What the server reads of a credential: every buffer as base64url.
  const written = (credential) => {
    const { response } = credential;
    const parts = { clientDataJSON: text(response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (response[name]) parts[name] = text(response[name]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response: parts,
      clientExtensionResults: {},
    });
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const box = form.closest("[data-passkey-box]") || form;
    const told = form.querySelector("[data-passkey-told]");
    box.hidden = false;
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      if (form.hasAttribute("aria-busy")) return;
      form.setAttribute("aria-busy", "true");
      told.hidden = true;
      try {
        const answer = await fetch(form.dataset.options, { method: "POST" });
        if (!answer.ok) throw new Error(String(answer.status));
        const credential = await asked[form.dataset.passkey](await answer.json());
        form.elements.credential.value = written(credential);
        const shared = document.querySelector("#shared");
        if (shared && form.elements.shared) form.elements.shared.value = shared.checked ? "on" : "";
        form.submit();
      } catch {
        // refused at the device, or the time was over: the page says so, and it can be tried again
        told.hidden = false;
        told.focus();
      } finally {
        form.removeAttribute("aria-busy");
      }
    });
  }
})();
