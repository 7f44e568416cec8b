// Module ids that do not depend on the folder of the build: the committed build is compared with a fresh one.
module.exports = { optimization: { moduleIds: 'natural', chunkIds: 'natural' } };
