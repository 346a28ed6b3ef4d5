//! What lies between here and a host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// What lies between here and a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The own machine or network: no proxy, and plain `http` will do.
    Local,
    /// Anything else.
    Public,
}

impl Reach {
    /// How far away the host of a URL is. Names are not looked up: but for `localhost` they are public.
    pub fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let local = match name.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => is_local_v4(address),
            Ok(IpAddr::V6(address)) => is_local_v6(address),
            Err(_name) => name == "localhost" || name.ends_with(".localhost"),
        };
        if local { Self::Local } else { Self::Public }
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local()
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    match address.to_ipv4_mapped() {
        Some(mapped) => is_local_v4(mapped),
        None => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_machine_and_network_are_local() {
        let reach = |host: &str| Reach::of(&Url::parse(&format!("http://{host}:8000/v1")).unwrap());
        for host in ["localhost", "a.localhost", "127.0.0.1", "10.1.2.3", "192.168.0.9", "[::1]", "[fd00::1]"]
        {
            assert_eq!(reach(host), Reach::Local, "{host}");
        }
        for host in ["example.com", "localhost.example.com", "8.8.8.8", "[2001:db8::1]"] {
            assert_eq!(reach(host), Reach::Public, "{host}");
        }
    }
}
