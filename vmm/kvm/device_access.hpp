// What a guest's processor asks of a device.
#pragma once

#include <twofold/arch/address.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace twofold::vmm::kvm {

/// An access to a port: `data` holds `count` elements of `size` bytes, 1, 2 or 4.
struct PortAccess {
    bool in;
    std::uint16_t port;
    std::uint8_t size;
    std::uint32_t count;
    std::byte* data;

    [[nodiscard]] std::uint32_t element(std::uint32_t n) const {
        std::uint32_t value = 0;
        std::memcpy(&value, data + std::size_t{n} * size, size);
        return value;
    }
    void set_element(std::uint32_t n, std::uint32_t value) const {
        std::memcpy(data + std::size_t{n} * size, &value, size);
    }
    void fill(std::uint8_t value) const { std::memset(data, value, std::size_t{count} * size); }
};

/// An access to guest-physical memory that is no slot's, of 1 to 8 bytes.
struct MemoryAccess {
    bool read;
    Gpa gpa;
    std::uint8_t size;
    std::byte* data;
};

} // namespace twofold::vmm::kvm
