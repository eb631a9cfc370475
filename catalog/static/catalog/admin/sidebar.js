// Opens the sidebar before the page is rendered. Django's nav_sidebar.js does so later and moves the page.
"use strict";
document.getElementById("main").classList.toggle(
  "shifted",
  localStorage.getItem("django.admin.navSidebarIsOpen") !== "false",
);
