// Memory for a loader, which leaves whole pages of the guest's file where they are, to be copied
// when they are touched.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/userfault.hpp"

#include <vector>

namespace twofold::vmm::kvm {

/// Satisfies the loader's GuestMemory.
class ImageRam {
  public:
    /// All must outlive it. `ram`: reads as zeros where no frame is.
    ImageRam(GuestRam& ram, std::span<std::byte const> file) : ram_(ram), file_(file) {}

    std::expected<void, OutsideRam> write(Gpa gpa, std::span<std::byte const> from);
    std::expected<void, OutsideRam> read(Gpa gpa, std::span<std::byte> to);
    std::expected<void, OutsideRam> zero(Gpa gpa, std::uint64_t bytes);

    /// What was left in the file, in ascending order.
    [[nodiscard]] std::vector<ImagePart> const& left() const { return left_; }
    /// Writes all of that into the memory after all.
    void write_left();

  private:
    void write_left(std::uint64_t begin, std::uint64_t end);

    GuestRam& ram_;
    std::span<std::byte const> file_;
    std::vector<ImagePart> left_;
};

} // namespace twofold::vmm::kvm
