// The ports by which small kernels end the emulator that they know, each with that emulator's idea
// of an exit status.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace twofold {

class DebugExit {
  public:
    static constexpr bool has(std::uint16_t port) {
        return is_debug_port(port) || is_power_control(port) || port == bochs_shutdown;
    }

    /// The guest's exit status, once it has asked for its end. `size`: bytes.
    [[nodiscard]] std::optional<std::uint8_t> write(std::uint16_t port, unsigned size,
                                                    std::uint32_t value) {
        if (is_debug_port(port)) return static_cast<std::uint8_t>(value << 1 | 1);
        if (is_power_control(port) && size >= 2 && (value & sleep_enable) != 0) return 0;
        if (port == bochs_shutdown && size == 1) return spell(static_cast<char>(value));
        return std::nullopt;
    }

  private:
    /// QEMU's isa-debug-exit at its usual and at its default place: status 2 * value + 1.
    static constexpr bool is_debug_port(std::uint16_t port) {
        return port == 0xf4 || port == 0x501;
    }
    /// PM1a_CNT of QEMU's pc machines, new and old; a write of SLP_EN ("ACPI Specification", "PM1
    /// Control Registers") switches off.
    static constexpr bool is_power_control(std::uint16_t port) {
        return port == 0x604 || port == 0xb004;
    }
    static constexpr std::uint32_t sleep_enable = 1U << 13;
    /// Bochs: the word, byte by byte.
    static constexpr std::uint16_t bochs_shutdown = 0x8900;
    static constexpr std::string_view word = "Shutdown";

    std::optional<std::uint8_t> spell(char letter) {
        if (letter != word[spelled_]) spelled_ = 0;
        if (letter == word[spelled_]) ++spelled_;
        if (spelled_ < word.size()) return std::nullopt;
        spelled_ = 0;
        return 0;
    }

    std::uint8_t spelled_ = 0;
};

} // namespace twofold
