"""Django's settings: three lines of glisecrets, and what no environment changes."""

from config.env import BASE_DIR, ApiSettings

settings = ApiSettings.load()
globals().update(settings.django())

# Add here what you use: django.contrib.*, corsheaders (settings.cors() has configured it), …
INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "glisecrets.django_integration",
    "glisecrets.django_integration.encryption",
    "customers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "collected"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
