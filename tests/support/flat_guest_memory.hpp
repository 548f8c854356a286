// Guest memory for tests: one array, never found zeroed, that refuses and remembers what lies
// outside it.
#pragma once

#include <twofold/arch/address.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <vector>

namespace twofold::test {

enum class FlatMemoryError : std::uint8_t { outside, failed_on_demand };

class FlatGuestMemory {
  public:
    static constexpr std::byte untouched{0xcc};

    explicit FlatGuestMemory(std::uint64_t bytes, std::byte filler = untouched)
        : bytes_(bytes, filler) {}

    std::expected<void, FlatMemoryError> write(Gpa to, std::span<std::byte const> from) {
        if (auto const possible = check(to, from.size()); !possible) return possible;
        std::ranges::copy(from, bytes_.begin() + static_cast<std::ptrdiff_t>(to.value()));
        return {};
    }
    std::expected<void, FlatMemoryError> zero(Gpa from, std::uint64_t count) {
        ++zeroings_;
        if (auto const possible = check(from, count); !possible) return possible;
        std::ranges::fill(at(from, count), std::byte{0});
        return {};
    }
    std::expected<void, FlatMemoryError> read(Gpa from, std::span<std::byte> to) {
        if (auto const possible = check(from, to.size()); !possible) return possible;
        std::ranges::copy(at(from, to.size()), to.begin());
        return {};
    }

    /// For looking at the result.
    [[nodiscard]] std::span<std::byte> at(Gpa gpa, std::uint64_t count) {
        return std::span{bytes_}.subspan(gpa.value(), count);
    }
    template <class T>
    [[nodiscard]] T get(Gpa gpa) {
        T value;
        std::memcpy(&value, at(gpa, sizeof value).data(), sizeof value);
        return value;
    }
    /// Somebody asked for bytes outside this memory.
    [[nodiscard]] bool was_left() const { return was_left_; }
    [[nodiscard]] std::uint64_t accesses() const { return accesses_; }
    [[nodiscard]] std::uint64_t zeroings() const { return zeroings_; }
    void fail_after(std::uint64_t accesses) { accesses_until_failure_ = accesses; }

  private:
    std::expected<void, FlatMemoryError> check(Gpa gpa, std::uint64_t count) {
        ++accesses_;
        if (accesses_until_failure_ && accesses_ > *accesses_until_failure_)
            return std::unexpected(FlatMemoryError::failed_on_demand);
        if (gpa.value() <= bytes_.size() && count <= bytes_.size() - gpa.value()) return {};
        was_left_ = true;
        return std::unexpected(FlatMemoryError::outside);
    }

    std::vector<std::byte> bytes_;
    std::uint64_t accesses_ = 0;
    std::uint64_t zeroings_ = 0;
    std::optional<std::uint64_t> accesses_until_failure_;
    bool was_left_ = false;
};

} // namespace twofold::test
