// Swagger UI over the service's own document. The validator badge would call another host, so it is off.
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (change) => {
  document.documentElement.classList.toggle("dark-mode", change.matches);
});
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#document",
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
});
