'use strict';

// The main process of an Electron app. Its page calls, through the preload script,
// ipcRenderer.invoke('keys:analyze', track, path), ('keys:cancel', track) and ('keys:reset').
const path = require('node:path');
const { app, BrowserWindow, ipcMain } = require('electron');
const { KeyAnalyzer } = require('openkeyscan-analyzer-client');

const resources = app.isPackaged ? process.resourcesPath : __dirname;
const exe = process.platform === 'win32' ? 'openkeyscan-analyzer.exe' : 'openkeyscan-analyzer';
const asked = new Map(); // the app's own number of a track -> the promise of its key
let analyzer;

app.whenReady().then(() => {
  const window = new BrowserWindow({
    webPreferences: { preload: path.join(__dirname, 'preload.js') },
  });
  const show = (channel, value) => window.isDestroyed() || window.webContents.send(channel, value);

  analyzer = new KeyAnalyzer({ command: path.join(resources, 'openkeyscan-analyzer', exe) });
  analyzer.on('progress', ({ done, failed, total }) => {
    show('keys:progress', { done, failed, total });
  });
  analyzer.on('log', (line) => console.error(`[analyzer] ${line}`));
  analyzer.on('restart', ({ reason, delay }) => {
    console.error(`[analyzer] ${reason}; it is started again in ${delay} ms`);
  });
  analyzer.on('fatal', (error) => show('keys:fatal', error.message));
  window.loadFile('index.html');
});

ipcMain.handle('keys:analyze', async (event, track, file) => {
  const promise = analyzer.analyze(file);
  asked.set(track, promise);
  try {
    return await promise;
  } catch ({ code, message }) {
    return { status: 'error', code, error: message }; // an Error keeps only its message over IPC
  } finally {
    asked.delete(track);
  }
});
ipcMain.handle('keys:cancel', (event, track) => {
  return asked.has(track) && analyzer.cancel(asked.get(track));
});
ipcMain.handle('keys:reset', async () => {
  await analyzer.reset();
});

app.on('will-quit', () => analyzer?.kill());
