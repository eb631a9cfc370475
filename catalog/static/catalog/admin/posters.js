// The movie's form: drop or paste a poster or its address, and enlarge posters.
"use strict";
(() => {
  const file = document.getElementById("id_poster_upload");
  const address = document.getElementById("id_poster_address");
  if (file && address) dropAndPaste();

  function dropAndPaste() {
    const zone = document.getElementById("poster-drop");
    const text = zone.querySelector("p");
    const picture = document.createElement("img");
    picture.alt = "The new poster";
    const hint = text.textContent;

    function take(data) {
      const image = [...data.files].find((each) => each.type.startsWith("image/"));
      if (image) {
        const files = new DataTransfer();
        files.items.add(image);
        file.files = files.files;
        address.value = "";
        show();
        return true;
      }
      const url = (data.getData("text/uri-list") || data.getData("text/plain")).trim().split(/\s/)[0];
      if (!/^https:\/\//i.test(url)) return false;
      file.value = "";
      address.value = url;
      show();
      return true;
    }

    function show() {
      const chosen = file.files[0];
      picture.remove();
      if (chosen) {
        const reader = new FileReader();
        reader.addEventListener("load", () => {
          picture.src = reader.result;
          zone.prepend(picture);
        });
        reader.readAsDataURL(chosen);
        text.textContent = `${chosen.name} is stored when you save.`;
      } else if (address.value) text.textContent = "The picture at this address is stored when you save.";
      else text.textContent = hint;
    }

    for (const name of ["dragenter", "dragover"]) {
      zone.addEventListener(name, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      if (!take(event.dataTransfer)) text.textContent = "That is neither a picture nor an https address.";
    });
    document.addEventListener("paste", (event) => {
      // Text is pasted into the field that has the focus.
      const inField = event.target.closest("input, textarea");
      if (inField && !event.clipboardData.files.length) return;
      if (take(event.clipboardData)) event.preventDefault();
    });
    file.addEventListener("change", () => {
      if (file.files.length) address.value = "";
      show();
    });
    address.addEventListener("input", () => {
      if (address.value) file.value = "";
      show();
    });
  }

  const links = document.querySelectorAll("a[data-zoom]");
  if (!links.length) return;
  const dialog = document.createElement("dialog");
  const whole = document.createElement("img");
  const close = document.createElement("button");
  dialog.className = "poster-dialog";
  close.type = "button";
  close.className = "button";
  close.textContent = "Close";
  dialog.append(close);
  document.body.append(dialog);
  dialog.addEventListener("click", () => dialog.close());
  for (const link of links) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      whole.src = link.href;
      whole.alt = link.getAttribute("aria-label").replace("Enlarge: ", "Poster: ");
      dialog.append(whole);
      dialog.setAttribute("aria-label", whole.alt);
      dialog.showModal();
    });
  }
})();
