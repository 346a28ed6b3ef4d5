#!/usr/bin/env bash
# Installs what building needs beside Rust: FFmpeg's development files, libclang, a C compiler, pkg-config.
# With the argument `tests` also what only they need: a Chromium, which looks at report.html.
# Does nothing, and needs no rights, where everything is there already.
set -euo pipefail

apt_packages=(build-essential pkg-config clang libclang-dev
  libavcodec-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev)
for_tests=
if [ "${1:-}" = tests ]; then
  for_tests=yes
  apt_packages+=(chromium)
fi
# FFmpeg 4.4 (Ubuntu 22.04) and later; what ffmpeg-next supports.
ffmpeg_libraries=("libavcodec >= 58.134" "libavformat >= 58.76" "libavutil >= 56.70"
  "libswresample >= 3.9" "libswscale >= 5.9")

missing() {
  command -v cc >/dev/null || echo "a C compiler (cc)"
  command -v pkg-config >/dev/null || { echo "pkg-config"; return; }
  local library
  for library in "${ffmpeg_libraries[@]}"; do
    pkg-config --exists "$library" || echo "$library (development files)"
  done
  # bindgen loads libclang and needs clang's own headers.
  command -v clang >/dev/null || [ -n "${LIBCLANG_PATH:-}" ] || echo "clang with libclang"
  # The names that the tests look for.
  [ -z "$for_tests" ] || [ -n "${CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome >/dev/null ||
    echo "a browser for the tests (chromium, chromium-browser, google-chrome, or CHROMIUM=path)"
}

if ! command -v cargo >/dev/null; then
  echo "setup: cargo was not found. Install Rust 1.95 or later (https://rustup.rs), then run this again." >&2
  exit 1
fi

lacking=$(missing)
[ -z "$lacking" ] && exit 0
echo "setup: missing:" >&2
sed 's/^/  - /' <<<"$lacking" >&2

if ! command -v apt-get >/dev/null; then
  cat >&2 <<'HELP'
setup: no apt-get here, so please install these yourself and run this again:
  Fedora    sudo dnf install gcc gcc-c++ make pkgconf-pkg-config clang clang-devel ffmpeg-devel   (RPM Fusion)
  Arch      sudo pacman -S base-devel pkgconf clang ffmpeg
  Alpine    sudo apk add build-base pkgconf clang-dev ffmpeg-dev
  openSUSE  sudo zypper install gcc gcc-c++ make pkg-config clang-devel ffmpeg-devel   (Packman)
  macOS     brew install pkg-config llvm ffmpeg
  The tests also want a Chromium or Chrome, in PATH or named by the variable CHROMIUM.
HELP
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: neither root nor sudo here. As root, run: apt-get install ${apt_packages[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "setup: installing ${apt_packages[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${apt_packages[@]}" >/dev/null

lacking=$(missing)
if [ -n "$lacking" ]; then
  echo "setup: still missing after the installation:" >&2
  sed 's/^/  - /' <<<"$lacking" >&2
  echo "setup: FFmpeg 4.4 or later is needed; Debian 12 and Ubuntu 22.04 have it." >&2
  exit 1
fi
