export default { test: { environment: "jsdom", include: ["*.test.js"], testTimeout: 20000 } };
