/** Arrays as the server packs them: base64 of little-endian numbers, as all browsers' machines have them. */

const bytes = (packed) => Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));

export const bytesOf = bytes;
export const shorts = (packed) => new Uint16Array(bytes(packed).buffer);
export const whole = (packed) => new Uint32Array(bytes(packed).buffer);
export const floats = (packed) => new Float32Array(bytes(packed).buffer);
