// Owned memory mappings.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace twofold::vmm::kvm {

/// Owns what mmap has mapped.
class Mapping {
  public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept
        : begin_(std::exchange(other.begin_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept {
        if (this != &other) {
            reset();
            begin_ = std::exchange(other.begin_, nullptr);
            bytes_ = std::exchange(other.bytes_, 0);
        }
        return *this;
    }
    ~Mapping() { reset(); }

    /// As mmap; throws SystemFailure with `what` in it. `descriptor` -1: anonymous memory.
    static Mapping make(std::size_t bytes, int protection, int flags, int descriptor,
                        char const* what, std::uint64_t offset = 0);

    [[nodiscard]] std::byte* begin() const { return static_cast<std::byte*>(begin_); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::span<std::byte> span() const { return {begin(), bytes_}; }
    void reset() {
        if (begin_ != nullptr) munmap(begin_, bytes_);
        begin_ = nullptr;
        bytes_ = 0;
    }

  private:
    void* begin_ = nullptr;
    std::size_t bytes_ = 0;
};

} // namespace twofold::vmm::kvm
