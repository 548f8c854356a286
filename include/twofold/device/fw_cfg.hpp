// QEMU's firmware configuration interface, as far as kernels ask it for the number of processors
// and the size of memory: a selector at port 0x510, bytes at port 0x511 ("QEMU Firmware
// Configuration (fw_cfg) Device").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace twofold {

class FwCfg {
  public:
    static constexpr std::uint16_t selector_port = 0x510;
    static constexpr std::uint16_t data_port = 0x511;
    static constexpr bool has(std::uint16_t port) {
        return port == selector_port || port == data_port;
    }

    enum Item : std::uint16_t {
        signature = 0x00,
        interface_version = 0x01,
        memory_bytes = 0x03,
        processors = 0x05,
        most_processors = 0x0f,
        /// A big-endian count: there are no files.
        file_directory = 0x19,
    };

    constexpr FwCfg(std::uint64_t memory, unsigned processor_count)
        : memory_(memory), processors_(processor_count) {}

    /// A word written to the selector's port.
    void select(std::uint16_t item) {
        item_ = item;
        offset_ = 0;
    }
    /// The next byte of what was selected; 0 behind its end.
    [[nodiscard]] std::uint8_t read() {
        std::uint64_t const at = offset_++;
        return at < sizeof(std::uint64_t) ? static_cast<std::uint8_t>(value() >> 8 * at)
                                          : std::uint8_t{0};
    }

  private:
    [[nodiscard]] std::uint64_t value() const {
        switch (item_) {
        case signature: return 0x554d4551; // "QEMU", first byte lowest
        case interface_version: return 1;  // bytes by the port, no DMA
        case memory_bytes: return memory_;
        case processors:
        case most_processors: return processors_;
        default: return 0;
        }
    }

    std::uint64_t memory_;
    std::uint64_t processors_;
    std::uint16_t item_ = 0;
    std::uint64_t offset_ = 0;
};

} // namespace twofold
