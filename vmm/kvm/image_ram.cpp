#include "kvm/image_ram.hpp"

#include <algorithm>
#include <functional>

namespace twofold::vmm::kvm {

namespace {

constexpr std::uint64_t up_to_page(std::uint64_t at) {
    return pages_for(at, page_4k) * page_4k.bytes();
}

bool lies_in(std::span<std::byte const> part, std::span<std::byte const> whole) {
    std::less_equal<> const not_behind;
    return not_behind(whole.data(), part.data()) &&
           not_behind(part.data() + part.size(), whole.data() + whole.size());
}

} // namespace

std::expected<void, OutsideRam> ImageRam::write(Gpa gpa, std::span<std::byte const> from) {
    std::uint64_t const begin = up_to_page(gpa.value());
    std::uint64_t const end = (gpa.value() + from.size()) / page_4k.bytes() * page_4k.bytes();
    bool const fits =
        gpa.value() <= ram_.bytes().size() && from.size() <= ram_.bytes().size() - gpa.value();
    if (!fits) return std::unexpected(OutsideRam{});
    // What was there before is older than this.
    write_left(gpa.value(), gpa.value() + from.size());
    if (!lies_in(from, file_) || begin >= end) return ram_.write(gpa, from);
    std::uint64_t const head = begin - gpa.value();
    ImagePart const part{begin, from.subspan(head, end - begin)};
    left_.insert(std::ranges::upper_bound(left_, begin, {}, &ImagePart::gpa), part);
    if (auto const done = ram_.write(gpa, from.first(head)); !done) return done;
    return ram_.write(Gpa{end}, from.subspan(head + part.bytes.size()));
}

std::expected<void, OutsideRam> ImageRam::read(Gpa gpa, std::span<std::byte> to) {
    write_left(gpa.value(), gpa.value() + to.size());
    return ram_.read(gpa, to);
}

std::expected<void, OutsideRam> ImageRam::zero(Gpa gpa, std::uint64_t bytes) {
    write_left(gpa.value(), gpa.value() + bytes);
    return ram_.zero(gpa, bytes);
}

void ImageRam::write_left() { write_left(0, ram_.bytes().size()); }

/// Whole parts that share a page with [begin, end): what is beside it is then in the memory as
/// well.
void ImageRam::write_left(std::uint64_t begin, std::uint64_t end) {
    std::uint64_t const first = begin / page_4k.bytes() * page_4k.bytes();
    std::erase_if(left_, [&](ImagePart const& part) {
        bool const touched = part.gpa < up_to_page(end) && first < part.gpa + part.bytes.size();
        if (touched) (void)ram_.write(Gpa{part.gpa}, part.bytes);
        return touched;
    });
}

} // namespace twofold::vmm::kvm
