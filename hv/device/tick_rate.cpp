#include "hv/device/tick_rate.hpp"

#include "hv/cpu/port.hpp"
#include "hv/cpu/tick.hpp"

#include <algorithm>

namespace twofold::hv {

std::uint64_t measure_ticks_per_second() {
    constexpr std::uint64_t pit_hertz = 1'193'182;
    constexpr std::uint16_t count = pit_hertz / 100;
    constexpr std::uint16_t channel_2 = 0x42;
    constexpr std::uint16_t command = 0x43;
    constexpr std::uint16_t speaker_port = 0x61;
    constexpr std::uint8_t gate = 1;
    constexpr std::uint8_t speaker = 2;
    constexpr std::uint8_t output = 0x20;
    constexpr std::uint8_t channel_2_low_high_one_shot = 0xb0;

    auto const idle = static_cast<std::uint8_t>(read_port_8(speaker_port) & ~(gate | speaker));
    write_port(speaker_port, idle);
    write_port(command, channel_2_low_high_one_shot);
    write_port(channel_2, static_cast<std::uint8_t>(count & 0xff));
    write_port(channel_2, static_cast<std::uint8_t>(count >> 8));
    write_port(speaker_port, static_cast<std::uint8_t>(idle | gate));

    std::uint64_t const begin = read_ticks();
    // A PIT that never answers must not hold the machine up: no processor does this many reads in
    // 10 milliseconds.
    for (unsigned tries = 0; tries < 1'000'000 && (read_port_8(speaker_port) & output) == 0;
         ++tries) {
    }
    std::uint64_t const ticks = read_ticks() - begin;
    write_port(speaker_port, idle);
    return std::max<std::uint64_t>(ticks * 100, 1000);
}

} // namespace twofold::hv
