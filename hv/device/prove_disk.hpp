// Whether a disk keeps what it is given, found out before anything depends on it.
#pragma once

#include "hv/device/ata_disk.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace twofold::hv {

/// A byte that tells its page and its place there.
constexpr std::byte proof_byte(std::uint64_t page, std::size_t place) {
    constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15;
    return static_cast<std::byte>(((page + 1) * odd + place * (odd >> 8)) >> 32);
}

/// Writes the first and the last of the first `pages` pages of the size of `buffer`, then reads
/// both: a disk on which one lies where the other does is found out as well. What was there before
/// is lost. Returns how many pages were proven, 2 unless there is only one; otherwise what is
/// wrong.
template <PortBus Bus>
std::expected<unsigned, AtaError> prove_ends(AtaDisk<Bus>& disk, std::uint64_t pages,
                                             std::span<std::byte> buffer) {
    std::uint64_t const sectors = buffer.size() / AtaDisk<Bus>::sector_bytes;
    std::uint64_t const ends[]{0, pages - 1};
    std::span const proven{ends, std::size_t{pages > 1 ? 2U : 1U}};
    for (std::uint64_t const page : proven) {
        for (std::size_t place = 0; place < buffer.size(); ++place)
            buffer[place] = proof_byte(page, place);
        if (auto const done = disk.write(page * sectors, buffer); !done)
            return std::unexpected(done.error());
    }
    for (std::uint64_t const page : proven) {
        std::ranges::fill(buffer, std::byte{});
        if (auto const done = disk.read(page * sectors, buffer); !done)
            return std::unexpected(done.error());
        for (std::size_t place = 0; place < buffer.size(); ++place)
            if (buffer[place] != proof_byte(page, place))
                return std::unexpected(
                    AtaError{.kind = AtaError::Kind::other_contents,
                             .command = AtaError::Command::read,
                             .sector = page * sectors + place / AtaDisk<Bus>::sector_bytes});
    }
    return static_cast<unsigned>(proven.size());
}

} // namespace twofold::hv
