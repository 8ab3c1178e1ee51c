/** Records what the microphone hears, as a WAV file. */

/** Seconds after which a recording ends by itself: encoders hear some ten at a time. */
const LONGEST = 20;

/**
 * Begin to record.
 * @returns {Promise<{stop: () => void, file: Promise<File>}>}
 * @throws {DOMException} where there is no microphone, or nobody may hear it.
 */
export async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const pieces = [];
  recorder.ondataavailable = (event) => pieces.push(event.data);
  const stop = () => recorder.state !== "inactive" && recorder.stop();
  const timer = setTimeout(stop, LONGEST * 1000);
  const file = new Promise((resolve, reject) => {
    recorder.onstop = () => {
      clearTimeout(timer);
      for (const track of stream.getTracks()) track.stop();
      asWave(new Blob(pieces)).then(resolve, reject);
    };
  });
  recorder.start();
  return { stop, file };
}

async function asWave(blob) {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await blob.arrayBuffer());
    return new File([wave(sound)], "recording.wav", { type: "audio/wav" });
  } finally {
    context.close();
  }
}

/** 16-bit samples of the mean of all channels, behind RIFF's head of 44 bytes. */
function wave(sound) {
  const channels = Array.from({ length: sound.numberOfChannels }, (_, n) => sound.getChannelData(n));
  const data = new DataView(new ArrayBuffer(44 + sound.length * 2));
  const letters = (at, text) => [...text].forEach((one, n) => data.setUint8(at + n, one.charCodeAt(0)));
  letters(0, "RIFF");
  data.setUint32(4, 36 + sound.length * 2, true);
  letters(8, "WAVEfmt ");
  data.setUint32(16, 16, true);
  data.setUint16(20, 1, true);
  data.setUint16(22, 1, true);
  data.setUint32(24, sound.sampleRate, true);
  data.setUint32(28, sound.sampleRate * 2, true);
  data.setUint16(32, 2, true);
  data.setUint16(34, 16, true);
  letters(36, "data");
  data.setUint32(40, sound.length * 2, true);
  for (let n = 0; n < sound.length; n++) {
    const mean = channels.reduce((sum, one) => sum + one[n], 0) / channels.length;
    data.setInt16(44 + n * 2, Math.max(-1, Math.min(1, mean)) * 32767, true);
  }
  return data.buffer;
}
