// The key detector of the QM DSP library as a function for Python's ctypes; peer_adapters.py
// compiles it.

#include <cstddef>
#include <dsp/keydetection/GetKeyMode.h>

// Counts the frames in each key: 0 is no key, 1 to 12 C major to B major, 13 to 24 the minor keys.
// The settings are the defaults of its Vamp plugin: A = 440 Hz, averages over ten frames.
extern "C" void count_keys(double *samples, std::size_t size, int sample_rate, int *frames)
{
    GetKeyMode detector(sample_rate, 440.0f, 10.0, 10.0);
    std::size_t block = detector.getBlockSize(), hop = detector.getHopSize();
    for (std::size_t start = 0; start + block <= size; start += hop)
        ++frames[detector.process(samples + start)];
}
